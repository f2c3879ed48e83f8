import { describe, expect, it } from 'vitest';
import { type TimedAction, judgeTimerChange } from './revert-change.ts';

const NOW = new Date('2026-01-31T12:00:00.000Z');
const LATER = '2026-01-31T13:00:00.000Z';
const DUE = '2026-01-31T12:30:00.000Z';

const action = (more: Partial<TimedAction> = {}): TimedAction => ({
  status: 'Completed',
  errorInfo: null,
  completedDateTime: new Date('2026-01-31T11:30:00.000Z'),
  revertDateTime: new Date(DUE),
  revertAfter: null,
  revertedByActionId: null,
  timer: 'pending',
  cannotRevert: null,
  ...more,
});
const untimed = (more: Partial<TimedAction> = {}) =>
  action({ revertDateTime: null, timer: 'none', ...more });
const judge = (given: TimedAction, wanted: string | null) => judgeTimerChange(given, wanted, NOW);

describe('judgeTimerChange', () => {
  const scheduled = { kind: 'event', type: 'revertScheduled', revertDateTime: new Date(LATER) };

  it('moves a timer, whichever way it was set, before and after the end', () => {
    expect(judge(action(), LATER)).toEqual(scheduled);
    expect(judge(action({ revertDateTime: null, revertAfter: 'PT1H' }), LATER)).toEqual(scheduled);
    const running = action({ status: 'Running', completedDateTime: null });
    expect(judge(running, LATER)).toEqual(scheduled);
  });

  it('sets one where there was none, if there can be a revert', () => {
    expect(judge(untimed(), LATER)).toEqual(scheduled);
    expect(judge(untimed({ cannotRevert: 'no revert' }), LATER)).toEqual({
      kind: 'refused',
      code: 'invalidRequest',
      message: 'no revert',
    });
  });

  it('moves one that runs even when the catalogue has lost the revert', () => {
    expect(judge(action({ cannotRevert: 'no revert' }), LATER)).toEqual(scheduled);
  });

  it('stops one, and leaves alone what has none', () => {
    const stopped = { kind: 'event', type: 'revertStopped', revertDateTime: null };
    expect(judge(action(), null)).toEqual(stopped);
    expect(judge(untimed(), null)).toEqual({ kind: 'unchanged' });
  });

  it('changes nothing by the time that is shown, also when it is past or requested', () => {
    expect(judge(action(), DUE)).toEqual({ kind: 'unchanged' });
    expect(judge(action({ revertDateTime: null, revertAfter: 'PT1H' }), DUE)).toEqual({
      kind: 'unchanged',
    });
    const past = '2026-01-31T11:59:00.000Z';
    const done = action({ revertDateTime: new Date(past), timer: 'none', revertedByActionId: 'r' });
    expect(judge(done, past)).toEqual({ kind: 'unchanged' });
  });

  it.each([
    ['is being requested', action({ timer: 'requested' })],
    ['has been requested', action({ timer: 'none', revertedByActionId: 'r' })],
  ])('refuses to move or stop a revert that %s', (_what, given) => {
    for (const wanted of [LATER, null]) {
      expect(judge(given, wanted)).toMatchObject({ kind: 'refused', code: 'conflict' });
    }
  });

  it('refuses a time in the past, and one that is too far', () => {
    for (const wanted of [
      NOW.toISOString(),
      '2001-01-01T00:00:00.000Z',
      '2101-01-01T00:00:00.000Z',
    ]) {
      expect(judge(action(), wanted)).toMatchObject({ kind: 'refused', code: 'invalidRequest' });
    }
  });

  it('refuses a timer for what ended without an effect, and lets it be stopped', () => {
    const errorInfo = { code: 4, message: null, subcode: 0 };
    const failed = action({ status: 'Failed', errorInfo });
    expect(judge(failed, LATER)).toMatchObject({ kind: 'refused', code: 'conflict' });
    expect(judge(failed, null)).toMatchObject({ kind: 'event', type: 'revertStopped' });
    const unknown = action({ status: 'Failed', errorInfo: { ...errorInfo, code: 3 } });
    expect(judge(unknown, LATER)).toEqual(scheduled);
  });
});
