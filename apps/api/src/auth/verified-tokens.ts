import { hash } from 'node:crypto';

/** About 5 MB at most. */
const TOKENS_MAX = 10_000;
/** A key that the issuer withdraws must not go on opening doors, so even a good token is verified again. */
const AGE_MS_MAX = 5 * 60 * 1000;

/**
 * Remembers what verified tokens said, because a signature costs 250 µs and a look-up 3. By the token's hash:
 * a memory dump holds no usable token. The least recently used goes first.
 */
export class VerifiedTokens<Claims> {
  readonly #entries = new Map<string, { claims: Claims; untilMs: number }>();
  readonly #tokensMax: number;

  constructor(tokensMax = TOKENS_MAX) {
    this.#tokensMax = tokensMax;
  }

  find(token: string): Claims | undefined {
    const key = keyOf(token);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.untilMs <= Date.now()) return undefined;
    // Behind all others: a Map keeps the order of insertion.
    this.#entries.set(key, entry);
    return entry.claims;
  }

  remember(token: string, claims: Claims, expiresAtMs: number): void {
    const key = keyOf(token);
    this.#entries.delete(key);
    if (this.#entries.size >= this.#tokensMax) {
      const [oldest] = this.#entries.keys();
      this.#entries.delete(oldest!);
    }
    const untilMs = Math.min(expiresAtMs, Date.now() + AGE_MS_MAX);
    this.#entries.set(key, { claims, untilMs });
  }
}

function keyOf(token: string): string {
  return hash('sha256', token, 'base64');
}
