import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HeldBack } from './held-back.ts';

const REASON = { pauseMs: 1000, pauseMsMax: 4000, level: 'warn', message: 'wait' } as const;

describe('HeldBack', () => {
  let held: HeldBack;
  const warn = vi.spyOn(Logger.prototype, 'warn').mockReturnValue();

  beforeEach(() => {
    vi.useFakeTimers();
    warn.mockClear();
    held = new HeldBack(REASON);
  });
  afterEach(() => void vi.useRealTimers());

  it('passes over what it was given until its pause is over', () => {
    held.add(['a', 'b', 'a']);
    expect(held.forThisLook()).toEqual(['a', 'b']);
    vi.advanceTimersByTime(999);
    expect(held.forThisLook()).toEqual(['a', 'b']);
    vi.advanceTimersByTime(1);
    expect(held.forThisLook()).toEqual([]);
    expect(held.isEmpty).toBe(true);
  });

  it('is put off by nothing that comes meanwhile', () => {
    held.add(['a']);
    vi.advanceTimersByTime(900);
    held.add(['b']);
    vi.advanceTimersByTime(100);
    expect(held.forThisLook()).toEqual([]);
  });

  it('waits longer for what comes back, up to a limit, and not for others', () => {
    const waitsMs: number[] = [];
    for (const ids of [['a'], ['a', 'b'], ['b', 'c'], ['c'], ['d']]) {
      held.add(ids);
      let waitedMs = 0;
      while (held.forThisLook().length > 0) {
        vi.advanceTimersByTime(500);
        waitedMs += 500;
      }
      waitsMs.push(waitedMs);
    }
    expect(waitsMs).toEqual([1000, 2000, 4000, 4000, 1000]);
  });

  it('says so once a pause', () => {
    held.add(['a']);
    held.add(['b', 'c']);
    expect(warn.mock.calls).toEqual([[{ events: 1, actionId: 'a' }, 'wait']]);
    vi.advanceTimersByTime(1000);
    held.forThisLook();
    held.add(['b', 'c']);
    expect(warn).toHaveBeenLastCalledWith({ events: 2, actionId: 'b' }, 'wait');
  });

  it('takes no more than a look can carry', () => {
    const ids = Array.from({ length: 20_001 }, (_, index) => String(index));
    held.add(ids.slice(0, 19_999));
    expect(held.isFull).toBe(false);
    held.add(ids.slice(19_999));
    expect(held.isFull).toBe(true);
    expect(held.forThisLook()).toHaveLength(20_000);
  });
});
