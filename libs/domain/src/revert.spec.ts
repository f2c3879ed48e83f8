import { describe, expect, it } from 'vitest';
import {
  type Revertable,
  dueOf,
  durationMs,
  judgeRevert,
  momentSchema,
  nextLook,
  revertAfterSchema,
  shownRevert,
} from './revert.ts';

const HOUR_MS = 3_600_000;
const END = new Date('2026-01-31T12:00:00.123Z');
const at = (ms: number) => new Date(END.getTime() + ms);
const UNKNOWN = { code: 3, message: null, subcode: 0 };
const REJECTED = { code: 4, message: null, subcode: 0 };

const action = (more: Partial<Revertable> = {}): Revertable => ({
  status: 'Completed',
  errorInfo: null,
  completedDateTime: END,
  revertDateTime: null,
  revertAfter: 'PT1H',
  ...more,
});
const running = (more: Partial<Revertable> = {}) =>
  action({ status: 'Running', completedDateTime: null, ...more });

describe('durationMs', () => {
  it.each([
    ['PT1H', HOUR_MS],
    ['PT90M', 90 * 60_000],
    ['P1D', 24 * HOUR_MS],
    ['P2W', 14 * 24 * HOUR_MS],
    ['P1DT2H3M4S', 26 * HOUR_MS + 184_000],
    ['PT0.5S', 500],
    ['PT1,25S', 1250],
    ['PT0S', 0],
  ])('reads %s', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });

  it.each(['', 'P', 'PT', 'P1Y', 'P1M', 'P1M1D', '-PT1H', 'PT-1H', '1H', 'pt1h', 'P1H', 'PT1H '])(
    'knows no length for %j',
    (text) => {
      expect(durationMs(text)).toBeUndefined();
    },
  );
});

describe('what a client may ask for', () => {
  it.each(['PT0S', 'P3650DT1S', 'P522W', 'P1Y', 'soon', `PT${'9'.repeat(400)}S`])(
    'is no time after its end of %j, and the client is told what would be one',
    (text) => {
      expect(revertAfterSchema.safeParse(text).error?.issues[0]?.message).toContain('such as PT1H');
    },
  );

  it('is a time after its end of up to ten years, kept as it was sent', () => {
    for (const text of ['PT0.001S', 'P3650D', 'P521W']) {
      expect(revertAfterSchema.parse(text)).toBe(text);
    }
  });

  it.each(['tomorrow', '2030-01-01T00:00:00'])('is no moment such as %s', (text) => {
    const { issues } = momentSchema.safeParse(text).error!;
    const message = expect.stringMatching(/^must be an ISO 8601 date and time with an offset/);
    expect(issues.map((issue) => issue.message)).toEqual([message]);
  });

  it('is a moment with any offset, kept in UTC to the millisecond', () => {
    const soon = new Date(Date.now() + HOUR_MS).toISOString();
    const text = soon.replace('Z', '4567+00:00');
    expect(momentSchema.parse(text)).toBe(soon);
  });
});

describe('when a revert is due', () => {
  it('is the given moment, or counted from the end', () => {
    const moment = at(-HOUR_MS);
    expect(dueOf(action({ revertDateTime: moment, revertAfter: null }))).toBe(moment);
    expect(dueOf(action())).toEqual(at(HOUR_MS));
    expect(dueOf(action({ status: 'Failed', errorInfo: UNKNOWN }))).toEqual(at(HOUR_MS));
  });

  it('is not known before the end, nor ever without an effect', () => {
    expect(dueOf(running())).toBeNull();
    expect(dueOf(action({ status: 'Failed', errorInfo: REJECTED }))).toBeNull();
    expect(dueOf(action({ revertAfter: null }))).toBeNull();
  });
});

describe('the resource', () => {
  const links = { revertsActionId: null, revertedByActionId: null };

  it('shows the timer as it was sent, and from the end on when it is due', () => {
    expect(shownRevert({ ...running(), ...links })).toEqual({ revertAfter: 'PT1H' });
    expect(shownRevert({ ...action(), ...links })).toEqual({
      revertAfter: 'PT1H',
      revertDateTime: at(HOUR_MS).toISOString(),
    });
  });

  it('shows the links, and nothing where there is nothing to say', () => {
    const plain = action({ revertAfter: null });
    expect(shownRevert({ ...plain, ...links })).toEqual({});
    const both = { revertsActionId: 'a', revertedByActionId: 'b' };
    expect(shownRevert({ ...plain, ...both })).toEqual(both);
  });
});

describe('judgeRevert', () => {
  const newer = { id: 'n', name: 'BlockIp' };

  it('requests the revert at the due time, and not a millisecond before', () => {
    expect(judgeRevert(action(), null, at(HOUR_MS - 1))).toEqual({
      kind: 'wait',
      until: at(HOUR_MS),
    });
    expect(judgeRevert(action(), null, at(HOUR_MS))).toEqual({ kind: 'request' });
  });

  it('requests it for an outcome that is unknown: it may have had an effect', () => {
    const unknown = action({ status: 'Failed', errorInfo: UNKNOWN });
    expect(judgeRevert(unknown, null, at(HOUR_MS))).toEqual({ kind: 'request' });
  });

  it('drops it once the action has ended without an effect, due or not', () => {
    const rejected = action({ status: 'Failed', errorInfo: REJECTED });
    for (const now of [END, at(HOUR_MS)]) {
      expect(judgeRevert(rejected, newer, now)).toMatchObject({
        kind: 'end',
        type: 'revertDropped',
      });
    }
  });

  it('ends as superseded when something newer stands, but only when due: it may be gone by then', () => {
    expect(judgeRevert(action(), newer, END)).toMatchObject({ kind: 'wait' });
    expect(judgeRevert(action(), newer, at(HOUR_MS))).toEqual({
      kind: 'end',
      type: 'revertSuperseded',
      reason: { code: 7, message: 'A newer action stands on the target: BlockIp n.', subcode: 0 },
    });
  });

  it('waits for the end of an action that outlasts its timer, and then does not wait any more', () => {
    const late = { revertDateTime: at(-1), revertAfter: null };
    expect(judgeRevert(running(late), null, END)).toEqual({ kind: 'wait', until: at(2000) });
    expect(judgeRevert(action(late), null, END)).toEqual({ kind: 'request' });
  });
});

describe('nextLook', () => {
  it.each([
    ['PT1H', 60_000],
    ['PT10S', 10_000],
    ['PT0.1S', 2000],
  ])(
    'at an unfinished action with %s is in %d ms: never after it can be due',
    (revertAfter, ms) => {
      expect(nextLook({ revertAfter, revertDateTime: null }, END)).toEqual(at(ms));
    },
  );

  it('is at the moment itself if that is near', () => {
    const revertAfter = null;
    expect(nextLook({ revertAfter, revertDateTime: at(5000) }, END)).toEqual(at(5000));
    expect(nextLook({ revertAfter, revertDateTime: at(HOUR_MS) }, END)).toEqual(at(60_000));
  });
});
