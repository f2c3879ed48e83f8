import type { EntryOf } from '../../history.ts';
import {
  actCalls,
  courseOf,
  endedUnknown,
  faultsDuring,
  isClear,
  knownEndedAtMs,
} from '../action-facts.ts';
import type { ActionRecord, RunRecord } from '../run-record.ts';
import { type Rule, judgeEach } from '../rule.ts';

/**
 * P2: an outcome is called unknown, code 3, only when it was. If no fault could be felt from the creation to the end,
 * every call was answered clearly, and every question too, then it was known.
 */
export const unknownMeansUnknowable: Rule = {
  promise: 'P2',
  guarantee: 'outcome unknown means that nobody could know',
  judge: (record) =>
    judgeEach([...record.actions.values()].filter(endedUnknown), (action) => {
      if (!wasKnown(record, action)) return undefined;
      return {
        says: `${action.id} ended as outcome unknown, though its product had answered clearly`,
        evidence: courseOf(action),
      };
    }),
};

function wasKnown(record: RunRecord, action: ActionRecord): boolean {
  const provider = record.providerOf(action);
  // Of a simulated product only the effects are seen, and not what it answered.
  if (provider?.type !== 'webhook' || wasReportedRunning(action)) return false;
  const beganAtMs = Math.min(
    ...action.exchanges.map(({ invoke }) => invoke.atMs),
    ...action.events.map(({ atMs }) => atMs),
  );
  if (faultsDuring(record, beganAtMs, knownEndedAtMs(action)).length > 0) return false;
  // An answer shortly before the deadline may have come after it on a busy machine.
  const inTime = ({ atMs, answeredAtMs }: EntryOf<'call'>) =>
    answeredAtMs !== null && answeredAtMs - atMs < provider.timeoutMs / 2;
  return actCalls(action).every((call) => isClear(call) && inTime(call));
}

/** Then its end was waited for, and its product not called. */
function wasReportedRunning({ reports, exchanges }: ActionRecord): boolean {
  return (
    reports.some(({ report }) => report?.status === 'Running') ||
    exchanges.some(({ invoke }) => invoke.report?.status === 'Running')
  );
}
