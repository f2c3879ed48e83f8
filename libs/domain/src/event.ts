import type { Status } from './status.ts';

/**
 * What can happen to an action, each with the status it leaves behind (null: the status stays). One event
 * is one row in the history, one message on the events topic and one step of the row's `version`.
 */
export const EVENT_TYPES = {
  /** Stored; `sequence` 1. */
  created: 'NotStarted',
  /** Claimed by a worker for its first attempt; a provider call may follow. */
  started: 'Running',
  /** An attempt ended without settling the action; another follows. */
  attemptFailed: null,
  completed: 'Completed',
  failed: 'Failed',
  /** Ended by a cancel; the provider never saw it. */
  cancelled: 'Failed',
} as const satisfies Record<string, Status | null>;

export type EventType = keyof typeof EVENT_TYPES;
