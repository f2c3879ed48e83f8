import type { ResultInfo, SecurityAction } from '#domain/security-action';

/**
 * How a provider call ended. Outcomes are values, so that a batch settles one by one and every kind has to
 * be dealt with; a provider that throws is taken as `mayHaveActed`.
 */
export type Outcome =
  | { kind: 'completed' }
  /** The provider refused or failed for good: it says so itself. */
  | { kind: 'failed'; errorInfo: ResultInfo }
  /** Surely nothing was done; try again, not before `retryAfterMs` if given. */
  | { kind: 'notDone'; reason: string; retryAfterMs?: number }
  /** It cannot be told whether the provider acted. */
  | { kind: 'mayHaveActed'; reason: string };

/** One try at an action. `id` is new for every try, so that a late answer cannot be taken for another's. */
export interface Attempt {
  id: string;
  /** 1 for the first. */
  number: number;
}

/** What makes a product act. One instance serves every entry of its type. */
export interface Provider {
  /**
   * Makes the product act, and returns when it has, or when `signal` fires (the deadline: what it began may
   * still happen). `action.id` is the idempotency key towards the product.
   */
  execute(action: SecurityAction, attempt: Attempt, signal: AbortSignal): Promise<Outcome>;
}
