import { hash } from 'node:crypto';
import { ShortLivedMap } from '#domain/short-lived';

/** About 5 MB at most. */
const TOKENS_MAX = 10_000;
/** A key that the issuer withdraws must not go on opening doors, so even a good token is verified again. */
const AGE_MS_MAX = 5 * 60 * 1000;

/** When a token is valid, in milliseconds since the epoch: from the first moment on, before the second. */
export interface Validity {
  fromMs: number;
  untilMs: number;
}

/**
 * Remembers what verified tokens said, because a signature costs 250 µs and a look-up 3. By the token's hash:
 * a memory dump holds no usable token. The least recently used goes first.
 */
export class VerifiedTokens<Claims> {
  readonly #entries = new ShortLivedMap<
    string,
    { claims: Claims; validity: Validity; keptUntilMs: number }
  >();
  readonly #tokensMax: number;

  constructor(tokensMax = TOKENS_MAX) {
    this.#tokensMax = tokensMax;
  }

  /** @param atMs the moment at which the token must be valid, in milliseconds since the epoch */
  find(token: string, atMs: number): Claims | undefined {
    const key = keyOf(token);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.keptUntilMs <= Date.now()) return undefined;
    // Behind all others: a Map keeps the order of insertion.
    this.#entries.set(key, entry);
    const { fromMs, untilMs } = entry.validity;
    return fromMs <= atMs && atMs < untilMs ? entry.claims : undefined;
  }

  remember(token: string, claims: Claims, validity: Validity): void {
    const key = keyOf(token);
    this.#entries.delete(key);
    if (this.#entries.size >= this.#tokensMax) {
      const [oldest] = this.#entries.keys();
      this.#entries.delete(oldest!);
    }
    this.#entries.set(key, { claims, validity, keptUntilMs: Date.now() + AGE_MS_MAX });
  }
}

function keyOf(token: string): string {
  return hash('sha256', token, 'base64');
}
