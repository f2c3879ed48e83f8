import { FAILURE_CODES } from '#domain/errors';
import { type Status, isTerminal } from '#domain/status';
import type { EntryOf } from '../history.ts';
import {
  type ActionRecord,
  type Exchange,
  type FaultWindow,
  type RunRecord,
  overAtMs,
} from './run-record.ts';

/* What rules ask of an action again and again. */

/** With these a product says that it did nothing, whatever it is like. */
const NOT_DONE: readonly (number | null)[] = [401, 403, 408, 425, 429, 503];

/** Calls that ask a product to act. */
export function actCalls({ calls }: ActionRecord): EntryOf<'call'>[] {
  return calls.filter(({ question }) => question === 'act');
}

/** A call that was not answered with "not done": the product acted, or may have. */
export function mayHaveActed({ answered }: EntryOf<'call'>): boolean {
  return !NOT_DONE.includes(answered);
}

/** Whether a call was answered so that nothing about it was left open, if the answer arrived. */
export function isClear({ answered, said }: EntryOf<'call'>): boolean {
  if (answered === null) return false;
  if (NOT_DONE.includes(answered)) return true;
  if (answered === 202 || answered >= 500) return false;
  return answered >= 300 || said === null || isTerminal(said);
}

/** What the product did and has not taken back. */
export function standingEffects({ effects }: ActionRecord): EntryOf<'effect'>[] {
  const last = effects.findLastIndex(({ isTakenBack }) => isTakenBack);
  return effects.slice(last + 1);
}

/** The event that ended it, as the history has it. */
export function endOf({ history }: ActionRecord) {
  return history?.events.find(({ type }) => ENDS.includes(type));
}

const ENDS: readonly string[] = ['completed', 'failed', 'cancelled'];

/** The code of a Failed action; null when it is none. */
export function failureCode({ row }: ActionRecord): number | null {
  return row?.action.errorInfo?.code ?? null;
}

export function endedUnknown(action: ActionRecord): boolean {
  return failureCode(action) === FAILURE_CODES.outcomeUnknown;
}

/** When the recorder knew at the latest that it had ended. */
export function knownEndedAtMs({ events, exchanges }: ActionRecord): number {
  const times = [
    ...events.filter(({ action }) => isTerminal(action.status)).map(({ atMs }) => atMs),
    ...exchanges
      .filter(({ answer }) => answer?.shown.some(({ status }) => isTerminal(status)))
      .map(({ answer }) => answer!.atMs),
  ];
  return Math.min(...times);
}

/** Whether somebody reported this of it before its end was known, and was not refused. */
export function wasReported(action: ActionRecord, status: Status): boolean {
  const endedAtMs = knownEndedAtMs(action);
  const byMessage = action.reports.some(
    ({ report, beganAtMs }) => report?.status === status && beganAtMs < endedAtMs,
  );
  return (
    byMessage ||
    action.exchanges.some(
      ({ invoke, answer }) =>
        invoke.report?.status === status &&
        invoke.atMs < endedAtMs &&
        [200, 503, undefined].includes(answer?.status),
    )
  );
}

/** Whether it may have been hidden when a request about it was answered: it is in the end, and its delete had begun. */
export function mayBeDeleted({ row, exchanges }: ActionRecord, look: Exchange): boolean {
  if (!row?.isDeleted) return false;
  return exchanges.some(
    (exchange) =>
      exchange.invoke.operation === 'delete' &&
      exchange !== look &&
      exchange.invoke.atMs < overAtMs(look) &&
      [204, 503, undefined].includes(exchange.answer?.status),
  );
}

/** Everything in it that is evidence of how it went: what was called, done and noted. */
export function courseOf(action: ActionRecord) {
  const { calls, effects, events, row } = action;
  return [...calls, ...effects, ...firstOfEach(events), ...(row ? [row] : [])];
}

/** The events of an action without repeats. */
export function firstOfEach(events: EntryOf<'event'>[]): EntryOf<'event'>[] {
  const seen = new Set<string>();
  return events.filter(({ id }) => !seen.has(id) && seen.add(id));
}

/**
 * Faults that can have hindered the run of an action of this provider in this span: not those of an API process, nor of
 * another provider.
 */
export function workFaultsDuring(
  record: RunRecord,
  provider: string,
  span: { fromMs: number; toMs: number },
): FaultWindow[] {
  return faultsDuring(record, span.fromMs, span.toMs).filter(
    ({ subject }) =>
      !/^(api-|client>)/.test(subject) &&
      (!subject.startsWith('provider:') || subject === `provider:${provider}`),
  );
}

/** When something was first heard of it. */
export function knownFromMs({ exchanges, events }: ActionRecord): number {
  return Math.min(...exchanges.map(({ invoke }) => invoke.atMs), ...events.map(({ atMs }) => atMs));
}

/** Whether this machine stood still in this span, or shortly before: then nobody can say what was late by itself. */
export function stoodStillDuring(
  { stalls, run }: RunRecord,
  fromMs: number,
  toMs: number,
): boolean {
  return stalls.some((stall) => stall.fromMs <= toMs && stall.atMs + run.bounds.marginMs >= fromMs);
}

/** Faults whose consequences can have been felt in this span. */
export function faultsDuring(
  { faults, run }: RunRecord,
  fromMs: number,
  toMs: number,
): FaultWindow[] {
  return faults.filter(
    (fault) => fault.feltFromMs <= toMs && fault.feltToMs + run.bounds.recoveryMs >= fromMs,
  );
}
