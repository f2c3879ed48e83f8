import { Logger } from '@nestjs/common';
import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { ApiError } from '#domain/errors';

const FETCH_TIMEOUT_MS = 2000;
/** An unknown key id asks the issuer again, but no more often than this: ids are the sender's to invent. */
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
   * How long the issuer has been asked in vain for keys that are not among the known ones, in milliseconds; undefined where
   * no key is known, so that no token at all can be judged.
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

/**
 * The public keys of the issuer: read at first use, read again when a token names an unknown one, renewed in
 * the background. An issuer that cannot be reached is no reason to refuse tokens whose key is known.
 */
export class IssuerKeys {
  readonly #logger = new Logger(IssuerKeys.name);
  readonly #remote: ReturnType<typeof createRemoteJWKSet>;
  #readAt = Number.NEGATIVE_INFINITY;
  #retryAt = Number.NEGATIVE_INFINITY;
  /** Since when unknown keys have been asked for in vain: one moment for all of them, as ids are the sender's to invent. */
  #unknownSince: number | undefined;

  constructor(uri: string) {
    this.#remote = createRemoteJWKSet(new URL(uri), {
      timeoutDuration: FETCH_TIMEOUT_MS,
      // When to read again is decided here: jose forgets the old keys when the new ones cannot be had, and
      // does not pause after a failure.
      cooldownDuration: Number.POSITIVE_INFINITY,
      cacheMaxAge: Number.POSITIVE_INFINITY,
    });
  }

  /** The key for a token's header. @throws KeysUnavailable, or jose's error if the issuer has no such key. */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    await this.#renew();
    try {
      return await this.#remote(header, token);
    } catch (error) {
      const unknown = error instanceof errors.JWKSNoMatchingKey;
      if (!unknown || performance.now() - this.#readAt < COOLDOWN_MS) throw error;
    }
    await this.#readForUnknown();
    return await this.#remote(header, token);
  };

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
      this.#readAt = performance.now();
      this.#unknownSince = undefined;
    } catch (error) {
      this.#retryAt = performance.now() + RETRY_INTERVAL_MS;
      this.#logger.warn({ err: error }, 'the keys of the token issuer cannot be read');
      throw new KeysUnavailable();
    }
  }
}
