import { z } from 'zod';
import { FAILURE_CODES } from './errors.ts';
import type { EventType } from './event.ts';
import type { ResultInfo } from './security-action.ts';
import { type Status, isTerminal } from './status.ts';

/*
 * Timed containment: an action that is undone by itself after a time. The timer is a property of the action; the
 * revert is an action like any other, made once the timer is due.
 */

const DAY_MS = 86_400_000;
/** Ten years: beyond that somebody mistyped, and nobody would be there to notice. */
const REVERT_AFTER_MS_MAX = 3650 * DAY_MS;
/** What it takes until a worker sees an action end, at most, unless its timer may be due before. */
const LOOK_MS_MAX = 60_000;
/** An action that outlasts its timer is looked at so often: its revert is due once it ends. */
const LOOK_MS_MIN = 2000;

const UNIT_MS = { W: 7 * DAY_MS, D: DAY_MS, H: 3_600_000, M: 60_000, S: 1000 };

/**
 * How long a duration is. A day is 24 hours; years and months have no length of their own.
 * @returns undefined for what is no ISO 8601 duration, or has years or months
 */
export function durationMs(text: string): number | undefined {
  const [date = '', time = ''] = text.split('T');
  if (!z.iso.duration().safeParse(text).success || /[YM]/.test(date)) return undefined;
  const parts = `${date}${time}`.matchAll(/([\d.,]+)([WDHMS])/g);
  const lengths = [...parts].map(
    ([, count, unit]) => Number(count!.replace(',', '.')) * UNIT_MS[unit as keyof typeof UNIT_MS],
  );
  return Math.round(lengths.reduce((sum, length) => sum + length, 0));
}

export const REVERT_AFTER_EXPECTED =
  'must be an ISO 8601 duration of weeks, days, hours, minutes and seconds, such as PT1H: above 0, at most P3650D, ' +
  'without years and months, whose length varies';

/** How long an action is to last, counted from its end. */
export const revertAfterSchema = z.string().refine((text) => {
  const lengthMs = durationMs(text);
  return lengthMs !== undefined && lengthMs > 0 && lengthMs <= REVERT_AFTER_MS_MAX;
}, REVERT_AFTER_EXPECTED);

/** A moment, to the millisecond, as UTC. */
export const momentSchema = z.iso
  .datetime({
    offset: true,
    abort: true,
    error: 'must be an ISO 8601 date and time with an offset, such as 2026-01-31T12:00:00Z',
  })
  .transform((text) => new Date(text).toISOString());

export const MUST_BE_AHEAD = 'must be in the future, by ten years at most';

/** Whether a revert may be planned for that moment. */
export function isAhead(moment: string, now: Date): boolean {
  const aheadMs = Date.parse(moment) - now.getTime();
  return aheadMs > 0 && aheadMs <= REVERT_AFTER_MS_MAX;
}

/** What of an action decides about its revert, and about what is shown of it. */
export interface Revertable {
  status: Status;
  errorInfo: ResultInfo | null;
  completedDateTime: Date | null;
  revertDateTime: Date | null;
  revertAfter: string | null;
}

/** Whether there is something to undo: done, or perhaps done. */
function tookEffect({ status, errorInfo }: Pick<Revertable, 'status' | 'errorInfo'>) {
  return status === 'Completed' || errorInfo?.code === FAILURE_CODES.outcomeUnknown;
}

/** Whether it is certain by now that there is nothing to undo. */
export function hadNoEffect(action: Pick<Revertable, 'status' | 'errorInfo'>): boolean {
  return isTerminal(action.status) && !tookEffect(action);
}

/** When the revert is due; null while that is not known, or if it never is. */
export function dueOf(action: Revertable): Date | null {
  const { revertDateTime, revertAfter, completedDateTime } = action;
  if (revertDateTime !== null || revertAfter === null) return revertDateTime;
  if (completedDateTime === null || !tookEffect(action)) return null;
  return new Date(completedDateTime.getTime() + durationMs(revertAfter)!);
}

/** An action that makes the revert of an earlier one needless. */
export interface NewerAction {
  id: string;
  name: string;
}

/** How an action and the revert of it are tied together. */
export interface RevertLinks {
  /** The action that this one undoes. */
  revertsActionId: string | null;
  /** The action that undoes this one. */
  revertedByActionId: string | null;
}

/** What the resource shows of it, as open properties: each only when there is something to say. */
export function shownRevert(action: Revertable & RevertLinks): Record<string, string> {
  const { revertAfter, revertsActionId, revertedByActionId } = action;
  const due = dueOf(action);
  return {
    ...(due !== null && { revertDateTime: due.toISOString() }),
    ...(revertAfter !== null && { revertAfter }),
    ...(revertsActionId !== null && { revertsActionId }),
    ...(revertedByActionId !== null && { revertedByActionId }),
  };
}

/** What to do about a timer that a worker looks at. */
export type RevertVerdict =
  | { kind: 'wait'; until: Date }
  | { kind: 'request' }
  | {
      kind: 'end';
      type: Extract<EventType, 'revertSuperseded' | 'revertDropped'>;
      reason: ResultInfo;
    };

/**
 * The rules, in the order in which they apply.
 * @param newer what was done to the target after the action and takes its place, if anything
 * @param now by the database's clock
 */
export function judgeRevert(
  action: Revertable,
  newer: NewerAction | null,
  now: Date,
): RevertVerdict {
  if (!isTerminal(action.status)) return { kind: 'wait', until: nextLook(action, now) };
  if (!tookEffect(action)) {
    return { kind: 'end', type: 'revertDropped', reason: NOTHING_TO_REVERT };
  }
  const due = dueOf(action);
  if (due === null) throw new Error('A timer without a time.');
  if (due > now) return { kind: 'wait', until: due };
  if (newer === null) return { kind: 'request' };
  return { kind: 'end', type: 'revertSuperseded', reason: supersededBy(newer) };
}

export const NOTHING_TO_REVERT: ResultInfo = {
  code: 0,
  message: 'The action had no effect that could be reverted.',
  subcode: 0,
};

/** Why a revert is not made, or not run. */
export function supersededBy({ id, name }: NewerAction): ResultInfo {
  const message = `A newer action stands on the target: ${name} ${id}.`;
  return { code: FAILURE_CODES.superseded, message, subcode: 0 };
}

/** When to look at an unfinished action again: never after its revert can be due, and soon enough to see it fail. */
export function nextLook(
  { revertDateTime, revertAfter }: Pick<Revertable, 'revertDateTime' | 'revertAfter'>,
  now: Date,
): Date {
  const leftMs = revertDateTime
    ? revertDateTime.getTime() - now.getTime()
    : durationMs(revertAfter!)!;
  return new Date(now.getTime() + Math.min(Math.max(leftMs, LOOK_MS_MIN), LOOK_MS_MAX));
}
