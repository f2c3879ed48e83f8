import type { Status } from './status.ts';

/**
 * What can happen to an action, each with the status it leaves behind (null: the status stays). One event
 * is one row in the history, one message on the events topic and one step of the row's `version`.
 */
export const EVENT_TYPES = {
  /** Stored; `sequence` 1. */
  created: 'NotStarted',
  /** Claimed by a worker for its first attempt, or reported as running by its provider. */
  started: 'Running',
  /** An attempt ended without settling the action; another follows, or a question about it. */
  attemptFailed: null,
  /** Taken over by its provider, which is to report how it ends. */
  accepted: null,
  /** Somebody wants it stopped, and its provider is asked to take it back. */
  cancelRequested: null,
  completed: 'Completed',
  failed: 'Failed',
  /** Ended by a cancel: it had no effect and will have none. */
  cancelled: 'Failed',
  /** A report about an attempt that was given up; recorded, nothing more. */
  lateReport: null,
  /** The truth about an action whose outcome was unknown; its status stays. */
  reportedAfterwards: null,
  /** A caller set or moved the time at which it is to be reverted. */
  revertScheduled: null,
  /** A caller wants no revert any more. */
  revertStopped: null,
  /** The revert was due and is an action of its own from then on. */
  revertRequested: null,
  /** The revert was due, but something newer stands on the target. */
  revertSuperseded: null,
  /** It had no effect, so there is nothing to revert. */
  revertDropped: null,
  /** Hidden from then on. */
  deleted: null,
} as const satisfies Record<string, Status | null>;

export type EventType = keyof typeof EVENT_TYPES;
