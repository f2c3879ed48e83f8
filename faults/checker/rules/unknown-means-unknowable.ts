import type { EntryOf } from '../../history.ts';
import {
  actCalls,
  courseOf,
  endOf,
  endedUnknown,
  isClear,
  knownEndedAtMs,
  knownFromMs,
  stoodStillDuring,
  workFaultsDuring,
} from '../action-facts.ts';
import type { ActionRecord, RunRecord } from '../run-record.ts';
import { EXCUSED, type Rule, judgeEach } from '../rule.ts';

/**
 * P2: an outcome is called unknown, code 3, only when it was. If no fault could hinder it from the creation to the end,
 * every call was answered clearly, and every question too, then it was known.
 */
export const unknownMeansUnknowable: Rule = {
  promise: 'P2',
  guarantee: 'outcome unknown means that nobody could know',
  judge: (record) =>
    judgeEach([...record.actions.values()].filter(endedUnknown), (action) => {
      if (!wasKnown(record, action)) return EXCUSED;
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
  const span = { fromMs: knownFromMs(action), toMs: knownEndedAtMs(action) };
  if (workFaultsDuring(record, provider.key, span).length > 0) return false;
  if (stoodStillDuring(record, span.fromMs, span.toMs)) return false;
  // A call that came after the end had been under way for longer than is waited for; one that was begun after it had not.
  const ranOut = timeOfLastAttempt(action) >= provider.timeoutMs;
  // An answer shortly before the deadline may have come after it on a busy machine.
  const inTime = ({ atMs, answeredAtMs }: EntryOf<'call'>) =>
    answeredAtMs !== null &&
    answeredAtMs - atMs < provider.timeoutMs / 2 &&
    (atMs < span.toMs || !ranOut);
  return actCalls(action).every((call) => isClear(call) && inTime(call));
}

/** Milliseconds from what came before its end in the history to that, by the clock of the database. */
function timeOfLastAttempt(action: ActionRecord): number {
  const steps = action.history?.events ?? [];
  const end = steps.findIndex((step) => step === endOf(action));
  const [before, last] = [steps[end - 1], steps[end]];
  return before && last ? Date.parse(last.dateTime) - Date.parse(before.dateTime) : 0;
}

/** Then its end was waited for, and its product not called. */
function wasReportedRunning({ reports, exchanges }: ActionRecord): boolean {
  return (
    reports.some(({ report }) => report?.status === 'Running') ||
    exchanges.some(({ invoke }) => invoke.report?.status === 'Running')
  );
}
