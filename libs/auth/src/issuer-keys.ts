import { Logger } from '@nestjs/common';
import {
  createRemoteJWKSet,
  type CryptoKey,
  customFetch,
  errors,
  type FetchImplementation,
  type JWTVerifyGetKey,
} from 'jose';
import { ApiError } from '#domain/errors';
import { BrokenKey, keyStates, usableKey } from './signing-keys.ts';

const FETCH_TIMEOUT_MS = 2000;
/**
 * A token whose key is unknown or cannot be used, or whose signature is wrong, asks the issuer again, but no more often than
 * this: all of that is the sender's to invent.
 */
const COOLDOWN_MS = 5000;
/** After a failure: long enough to spare an issuer that is down, short enough to notice that it is back. */
const RETRY_INTERVAL_MS = 1000;
/** A key that the issuer has withdrawn is gone here after so long. */
const REFRESH_INTERVAL_MS = 10 * 60 * 1000;
/** Without any news from the issuer for so long, its keys are no longer trusted. */
const AGE_MS_MAX = 24 * 60 * 60 * 1000;
/** What a caller over HTTP is told to wait before it tries again. */
const RETRY_AFTER_SECONDS = 2;

/** The keys cannot be had, so nothing is known about the token: not the sender's fault. */
export class KeysUnavailable extends ApiError {
  /**
   * How long the issuer has been asked in vain for keys that are not among the usable ones, in milliseconds; undefined where
   * no key is known, so that no token at all can be judged, or where the wait has an end of its own.
   */
  readonly unknownForMs: number | undefined;

  constructor(unknownForMs?: number) {
    super('serviceNotAvailable', 'The keys of the token issuer cannot be read.', {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
    this.name = 'KeysUnavailable';
    this.unknownForMs = unknownForMs;
  }
}

/** The key is not one of the issuer, or is newer than those that are known. */
class UnknownKey extends ApiError {
  constructor() {
    super(
      'InvalidAuthenticationToken',
      'Access token validation failure. The signing key is not one of the issuer.',
    );
    this.name = 'UnknownKey';
  }
}

/**
 * The public keys of the issuer: read at first use, read again when a token does not fit them, renewed in the background.
 * An issuer that cannot be reached, or publishes nothing of use, is no reason to refuse tokens whose key is known.
 */
export class IssuerKeys {
  readonly #logger = new Logger(IssuerKeys.name);
  readonly #remote: ReturnType<typeof createRemoteJWKSet>;
  #asOfMs = Number.NEGATIVE_INFINITY;
  /** When the keys were asked for that have come last; jose has them a little later. */
  #fetchedAsOfMs = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #readAt = Number.NEGATIVE_INFINITY;
  #retryAt = Number.NEGATIVE_INFINITY;
  /** Since when unknown keys have been asked for in vain: one moment for all of them, as ids are the sender's to invent. */
  #unknownSince: number | undefined;
  /** Since when tokens have named keys that cannot be used: one moment for all of them, over in a set without such keys. */
  #brokenSince: number | undefined;

  constructor(uri: string) {
    this.#remote = createRemoteJWKSet(new URL(uri), {
      timeoutDuration: FETCH_TIMEOUT_MS,
      // When to read again is decided here: jose forgets the old keys when the new ones cannot be had, and
      // does not pause after a failure.
      cooldownDuration: Number.POSITIVE_INFINITY,
      cacheMaxAge: Number.POSITIVE_INFINITY,
      [customFetch]: this.#ask,
    });
  }

  /** When the issuer was asked for the keys that are known, in milliseconds since the epoch: differs for each set of them. */
  get asOfMs(): number {
    return this.#asOfMs;
  }

  /** The key for a token's header. @throws KeysUnavailable; UnknownKey; jose's error if the header fits several keys. */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    await this.#renew();
    try {
      return await this.#lookUp(header, token);
    } catch (error) {
      const isMissing = error instanceof UnknownKey || error instanceof KeysUnavailable;
      if (!isMissing || performance.now() - this.#readAt < COOLDOWN_MS) throw error;
    }
    await this.#readForUnknown();
    return await this.#lookUp(header, token);
  };

  /**
   * Whether there are other keys than those of that moment. The issuer is asked for them, unless it was a short time ago.
   * If it is away there are none: what a known key says of a signature is an answer.
   */
  async renewedSince(asOfMs: number): Promise<boolean> {
    if (this.#remote.reloading || performance.now() - this.#askedAt >= COOLDOWN_MS) {
      await this.#read().catch(() => undefined);
    }
    return this.#asOfMs !== asOfMs;
  }

  async #lookUp(...of: Parameters<JWTVerifyGetKey>): Promise<CryptoKey> {
    try {
      return await usableKey(this.#remote(...of));
    } catch (error) {
      if (error instanceof BrokenKey) throw this.#unusable(error);
      throw error instanceof errors.JWKSNoMatchingKey ? new UnknownKey() : error;
    }
  }

  #unusable(error: BrokenKey): KeysUnavailable {
    const now = performance.now();
    if (this.#brokenSince === undefined) {
      this.#brokenSince = now;
      this.#logger.warn({ err: error }, 'a key of the token issuer cannot be used');
    }
    return new KeysUnavailable(now - this.#brokenSince);
  }

  async #readForUnknown(): Promise<void> {
    const since = (this.#unknownSince ??= performance.now());
    try {
      await this.#read();
    } catch {
      throw new KeysUnavailable(performance.now() - since);
    }
  }

  async #renew(): Promise<void> {
    const now = performance.now();
    const age = now - this.#readAt;
    if (age < REFRESH_INTERVAL_MS) return;
    if (age >= AGE_MS_MAX) return await this.#read();
    if (this.#remote.reloading || now < this.#retryAt) return;
    // Meanwhile, and if it fails, the old keys serve.
    this.#read().catch(() => undefined);
  }

  async #read(): Promise<void> {
    if (performance.now() < this.#retryAt) throw new KeysUnavailable();
    try {
      await this.#remote.reload();
      this.#asOfMs = this.#fetchedAsOfMs;
      this.#readAt = performance.now();
      this.#unknownSince = undefined;
    } catch (error) {
      this.#retryAt = performance.now() + RETRY_INTERVAL_MS;
      this.#logger.warn({ err: error }, 'the keys of the token issuer cannot be read');
      throw new KeysUnavailable();
    }
  }

  /** jose takes any set of keys for good, even one without keys: a proxy's answer, or that of an issuer that is starting. */
  readonly #ask: FetchImplementation = async (url, options) => {
    const askedAtMs = Date.now();
    this.#askedAt = performance.now();
    const response = await fetch(url, options);
    if (!response.ok) return response;
    const states = await keyStates(await response.clone().json());
    if (!states.includes('usable')) throw new Error('No key of the answer can be used.');
    if (!states.includes('broken')) this.#brokenSince = undefined;
    this.#fetchedAsOfMs = askedAtMs;
    return response;
  };
}
