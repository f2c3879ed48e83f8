import { isTerminal } from '#domain/status';
import type { EntryOf, ProviderTraits } from '../../history.ts';
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
 * P2: an outcome is called unknown, code 3, only when it was. It was known if the product told it, in answer to a call or a
 * question, and no fault could hinder that from then to the end; or if none could from the creation on, and every call was
 * answered clearly.
 */
export const unknownMeansUnknowable: Rule = {
  promise: 'P2',
  guarantee: 'outcome unknown means that nobody could know',
  judge: (record) =>
    judgeEach([...record.actions.values()].filter(mayBeCalledUnknown), (action) => {
      if (!wasKnown(record, action)) return EXCUSED;
      if (!endedUnknown(action)) return undefined;
      return {
        says: `${action.id} ended as outcome unknown, though its product had answered clearly`,
        evidence: courseOf(action),
      };
    }),
};

/** It was called, and has ended: as what its product said, or as unknown. */
function mayBeCalledUnknown(action: ActionRecord): boolean {
  return endedUnknown(action) || (endOf(action) !== undefined && actCalls(action).length > 0);
}

function wasKnown(record: RunRecord, action: ActionRecord): boolean {
  const provider = record.providerOf(action);
  // Of a simulated product only the effects are seen, and not what it answered.
  if (provider?.type !== 'webhook') return false;
  return wasTold(record, action, provider) || wasClear(record, action, provider);
}

/** An answer told its end before that was on record: whatever was open before it is settled by it. */
function wasTold(record: RunRecord, action: ActionRecord, provider: ProviderTraits): boolean {
  const toMs = knownEndedAtMs(action);
  return action.calls.some(
    (call) =>
      tellsItsEnd(call) &&
      isPrompt(call, provider) &&
      call.answeredAtMs! < toMs &&
      isUnhindered(record, provider, { fromMs: call.atMs, toMs }),
  );
}

/** That it was done, or what its end is; a refusal of a call says nothing of those before it. */
function tellsItsEnd(call: EntryOf<'call'>): boolean {
  const { question, answered, said } = call;
  if (answered === null || answered >= 300) return false;
  return question === 'act' ? isClear(call) : said !== null && isTerminal(said);
}

function wasClear(record: RunRecord, action: ActionRecord, provider: ProviderTraits): boolean {
  if (wasReportedRunning(action)) return false;
  const span = { fromMs: knownFromMs(action), toMs: knownEndedAtMs(action) };
  if (!isUnhindered(record, provider, span)) return false;
  // A call that came after the end had been under way for longer than is waited for; one that was begun after it had not.
  const ranOut = timeOfLastAttempt(action) >= provider.timeoutMs;
  return actCalls(action).every(
    (call) => isClear(call) && isPrompt(call, provider) && (call.atMs < span.toMs || !ranOut),
  );
}

/** An answer shortly before the deadline may have come after it on a busy machine. */
function isPrompt({ atMs, answeredAtMs }: EntryOf<'call'>, { timeoutMs }: ProviderTraits): boolean {
  return answeredAtMs !== null && answeredAtMs - atMs < timeoutMs / 2;
}

function isUnhindered(
  record: RunRecord,
  { key }: ProviderTraits,
  span: { fromMs: number; toMs: number },
): boolean {
  return (
    workFaultsDuring(record, key, span).length === 0 &&
    !stoodStillDuring(record, span.fromMs, span.toMs)
  );
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
