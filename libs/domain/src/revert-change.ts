import type { ApiErrorCode } from './errors.ts';
import type { EventType } from './event.ts';
import {
  MUST_BE_AHEAD,
  type RevertLinks,
  type Revertable,
  dueOf,
  hadNoEffect,
  isAhead,
} from './revert.ts';

/** What of an action decides about a change of its timer. */
export interface TimedAction extends Revertable, Pick<RevertLinks, 'revertedByActionId'> {
  /** Whether a timer runs; `requested` once its command may be in the log. */
  timer: 'none' | 'pending' | 'requested';
  /** Why there can be no revert of it; null when there can. */
  cannotRevert: string | null;
}

/** What a PATCH of `revertDateTime` makes of an action. */
export type TimerVerdict =
  | { kind: 'unchanged' }
  | { kind: 'refused'; code: Extract<ApiErrorCode, 'conflict' | 'invalidRequest'>; message: string }
  | {
      kind: 'event';
      type: Extract<EventType, 'revertScheduled' | 'revertStopped'>;
      revertDateTime: Date | null;
    };

/**
 * The rules, in the order in which they apply.
 * @param wanted when to revert it; null: not at all
 */
export function judgeTimerChange(
  action: TimedAction,
  wanted: string | null,
  now: Date,
): TimerVerdict {
  const refuse = (code: 'conflict' | 'invalidRequest', message: string): TimerVerdict => ({
    kind: 'refused',
    code,
    message,
  });
  // A client that sends a whole resource back changes nothing by it.
  if (wanted !== null && wanted === dueOf(action)?.toISOString()) return { kind: 'unchanged' };
  const { timer, revertedByActionId, cannotRevert } = action;
  if (timer === 'requested' || revertedByActionId !== null) {
    return refuse(
      'conflict',
      `The revert has been requested already${revertedByActionId ? `: it is the action ${revertedByActionId}` : ''}.`,
    );
  }
  if (wanted === null) {
    if (timer === 'none') return { kind: 'unchanged' };
    return { kind: 'event', type: 'revertStopped', revertDateTime: null };
  }
  if (hadNoEffect(action)) {
    return refuse('conflict', 'The action ended without an effect: there is nothing to revert.');
  }
  if (!isAhead(wanted, now)) return refuse('invalidRequest', MUST_BE_AHEAD);
  if (timer === 'none' && cannotRevert !== null) return refuse('invalidRequest', cannotRevert);
  return { kind: 'event', type: 'revertScheduled', revertDateTime: new Date(wanted) };
}
