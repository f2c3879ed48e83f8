import type { EntryOf } from '../history.ts';
import { actCalls, knownFromMs, workFaultsDuring } from './action-facts.ts';
import type { ActionRecord, RunRecord } from './run-record.ts';

/** The moment from which no call may be begun any more. */
export interface Stop {
  /** When it was known at the latest. */
  atMs: number;
  /** The last attempt that had begun by then, by its number and by its id; null: that is not on record. */
  attempt: number | null;
  attemptId: string | null;
}

/**
 * Calls to act that were begun after a stop. One that was begun before may arrive later: the attempt on record, or where
 * none is, the one after the last that was seen. It may be long under way if a fault could hinder it, and only then. A claim
 * that was given back has given its number back, too, so where the attempt has an id on record it is known by that.
 */
export function callsBegunAfter(
  record: RunRecord,
  action: ActionRecord,
  { atMs, attempt, attemptId }: Stop,
): EntryOf<'call'>[] {
  const { stragglerMs, endInTimeMs } = record.run.bounds;
  const provider = action.row?.provider ?? '';
  const seen = Math.max(0, ...attemptsBefore(action, atMs));
  return actCalls(action).filter((call) => {
    if (attempt !== null && call.attempt > attempt) return true;
    const isAnother = attempt !== null && attemptId !== null && call.attemptId !== attemptId;
    const underWayMs = isAnother ? 0 : endInTimeMs;
    if (call.atMs <= atMs + underWayMs && attempt !== null) return false;
    // A worker that was lost, or a call that never arrived, is an attempt that nobody saw.
    const wasHindered =
      workFaultsDuring(record, provider, {
        fromMs: Math.min(atMs, knownFromMs(action)),
        toMs: call.atMs,
      }).length > 0;
    if (wasHindered) return call.atMs > atMs + stragglerMs;
    return call.atMs > atMs + underWayMs || (attempt === null && call.attempt > seen + 1);
  });
}

/** Those that had been called, or had ended, before anybody could know of the stop. */
function attemptsBefore(action: ActionRecord, atMs: number): number[] {
  const steps = action.history?.events ?? [];
  return [
    ...actCalls(action)
      .filter((call) => call.atMs <= atMs)
      .map((call) => call.attempt),
    ...steps.map((step) => step.attempt ?? 0),
  ];
}
