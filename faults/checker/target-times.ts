import { FAILURE_CODES } from '#domain/errors';
import { isTerminal } from '#domain/status';
import type { EntryOf } from '../history.ts';
import { endOf, failureCode } from './action-facts.ts';
import type { ActionRecord } from './run-record.ts';

/* When an action kept its target to itself: by the clock of the database, and as its product saw it. */

/** When a worker claimed it first; a start that its provider reported is not ours. */
export function startOf({ history }: ActionRecord) {
  return history?.events.find(({ type, attempt }) => type === 'started' && attempt !== null);
}

/**
 * When it ended, by the clock of the database. Times of an action never run backwards: one that an API process whose clock
 * was ahead has accepted may carry the time of its creation to its end, and that says nothing.
 */
export function endDateOf({ row }: ActionRecord): string {
  const { completedDateTime, createdDateTime } = row!.action;
  return completedDateTime === createdDateTime ? '' : completedDateTime!;
}

/** What is wrong if the second was to start after the first had ended; undefined: nothing. */
export function overlapOf(first: ActionRecord, second: ActionRecord): string | undefined {
  const started = startOf(second);
  if (started !== undefined) {
    if (!isTerminal(first.row!.action.status)) return 'was started, and not yet ended is';
    if (started.dateTime < endDateOf(first)) return 'was started before the end of';
  }
  return wasSeenFirst(first, second) ? 'reached its product before' : undefined;
}

/** Its calls and effects: what its product saw of it. */
export function sights({ calls, effects }: ActionRecord): (EntryOf<'call'> | EntryOf<'effect'>)[] {
  return [...calls.filter(({ question }) => question === 'act'), ...effects];
}

/** With these the product itself ended the action: its answer came before the end, and so had the call. */
const SEEN: readonly (number | null)[] = [
  null,
  FAILURE_CODES.providerRejected,
  FAILURE_CODES.retriesExhausted,
];

/**
 * Only where the product's own answer ended the first: a call of unknown outcome, or one that a report or a cancel
 * overtook, may still have been on its way when the second was sent.
 */
function wasSeenFirst(first: ActionRecord, second: ActionRecord): boolean {
  const end = endOf(first);
  if (!end || end.attempt === null || !SEEN.includes(failureCode(first))) return false;
  return firstSight(second) < firstSight(first) && firstSight(first) < Number.POSITIVE_INFINITY;
}

function firstSight(action: ActionRecord): number {
  return Math.min(...sights(action).map(({ atMs }) => atMs));
}
