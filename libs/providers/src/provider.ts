import type { ResultInfo, SecurityAction } from '#domain/security-action';
import type { Status } from '#domain/status';

/** What is said about a call that did not settle the action. */
export interface Remark {
  reason: string;
  /** The provider's HTTP status; absent if there was none. */
  subcode?: number;
}

/**
 * How a provider call ended. Outcomes are values, so that a batch settles one by one and every kind has to
 * be dealt with; a provider that throws is taken as `mayHaveActed`.
 */
export type Outcome =
  | { kind: 'completed' }
  /**
   * The provider refused or failed for good: it says so itself. `onlyThisCall`: what is known is that this call was refused,
   * by whoever answered it, and not how the action stands: an earlier call may have had its effect.
   */
  | { kind: 'failed'; errorInfo: ResultInfo; onlyThisCall?: true }
  /** The provider has taken it over and will report how it ends. */
  | { kind: 'accepted' }
  /** Surely nothing was done; try again, not before `retryAfterMs` if given. Uses up an attempt. */
  | ({ kind: 'notDone'; retryAfterMs?: number } & Remark)
  /** The provider could not be asked at all: nothing was sent, or it does not let us in. Uses up nothing. */
  | ({ kind: 'unavailable'; retryAfterMs?: number } & Remark)
  /** It cannot be told whether the provider acted. */
  | ({ kind: 'mayHaveActed' } & Remark);

/** What a provider says about an action when it is asked: by a probe, or in answer to a cancel. */
export type Finding =
  | { kind: 'known'; status: Status; errorInfo: ResultInfo | null }
  /** It could not be asked at all, or asks to come back later: as good as not asked. */
  | { kind: 'unavailable'; reason: string }
  | { kind: 'unanswered'; reason: string };

/** One try at an action. `id` is new for every try, so that a late answer cannot be taken for another's. */
export interface Attempt {
  id: string;
  /** 1 for the first. */
  number: number;
  /** Equal for all actions on one target; null if it has none. */
  targetKey: string | null;
  /**
   * Whether it may still begin: to be asked right before the first byte goes out. After a pause (a slow connection, a process
   * that was stopped) another worker may have taken it over. Absent: it may.
   */
  mayBegin?(): boolean;
}

/** What makes one product act: an instance for each entry of the catalogue. docs/providers.md says how to write one. */
export interface Provider {
  /**
   * Makes the product act, and returns when it has, or when `signal` fires (the deadline: what it began may
   * still happen). `action.id` is the idempotency key towards the product;
   * `traceHeaders()` carry the trace on.
   */
  execute(action: SecurityAction, attempt: Attempt, signal: AbortSignal): Promise<Outcome>;
  /** Asks the product to take the attempt back. `Failed` says that it worked: the action has and will have no effect. */
  cancel?(action: SecurityAction, attempt: Attempt, signal: AbortSignal): Promise<Finding>;
  /** Asks the product what became of the action; changes nothing. */
  probe?(action: SecurityAction, attempt: Attempt, signal: AbortSignal): Promise<Finding>;
  /** Gives back what it holds, connections say; called once, when no call is wanted any more. */
  close?(): Promise<void>;
}
