import { FAILURE_CODES } from '#domain/errors';
import { isTerminal } from '#domain/status';
import type { Entry, EntryOf } from '../../history.ts';
import { endOf, failureCode, firstOfEach } from '../action-facts.ts';
import { type OrderedPair, orderedPairs } from '../ordered-pairs.ts';
import type { ActionRecord } from '../run-record.ts';
import { type Rule, judgeEach } from '../rule.ts';

/**
 * P5: of two actions on one target, of which the second was sent after the first was accepted, the second starts after
 * the first has ended: in the order of acceptance, by the times of the database, and as the product saw them.
 */
export const targetsKeepOrder: Rule = {
  promise: 'P5',
  guarantee: 'what is sent later on a target starts after what was accepted before has ended',
  judge: (record) =>
    judgeEach(orderedPairs(record), (pair) => {
      const fault = faultOf(pair);
      if (fault === undefined) return undefined;
      return {
        says: `${pair.second.id} ${fault} ${pair.first.id}, which was accepted before it was sent`,
        evidence: evidenceOf(pair),
      };
    }),
};

function faultOf({ first, second }: OrderedPair): string | undefined {
  if (first.row!.position > second.row!.position) return 'is stored before';
  const started = startOf(second);
  if (started !== undefined) {
    if (!isTerminal(first.row!.action.status)) return 'was started, and not yet ended is';
    if (started.dateTime < endDateOf(first)) return 'was started before the end of';
  }
  return wasSeenFirst(first, second) ? 'reached its product before' : undefined;
}

/** When a worker claimed it first; a start that its provider reported is not ours. */
function startOf({ history }: ActionRecord) {
  return history?.events.find(({ type, attempt }) => type === 'started' && attempt !== null);
}

/**
 * When it ended, by the clock of the database. Times of an action never run backwards: one that an API process whose clock
 * was ahead has accepted may carry the time of its creation to its end, and that says nothing.
 */
function endDateOf({ row }: ActionRecord): string {
  const { completedDateTime, createdDateTime } = row!.action;
  return completedDateTime === createdDateTime ? '' : completedDateTime!;
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

function sights({ calls, effects }: ActionRecord): (EntryOf<'call'> | EntryOf<'effect'>)[] {
  return [...calls.filter(({ question }) => question === 'act'), ...effects];
}

function evidenceOf({ first, second, accepted, sent }: OrderedPair): Entry[] {
  const parts = [first, second].flatMap((action) => [
    ...firstOfEach(action.events).filter(({ type }) => type !== 'created'),
    ...sights(action).slice(0, 1),
    action.row!,
  ]);
  return [accepted, sent, ...parts];
}
