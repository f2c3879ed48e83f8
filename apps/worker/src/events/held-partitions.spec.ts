import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HeldPartitions } from './held-partitions.ts';

describe('HeldPartitions', () => {
  let held: HeldPartitions;
  const warn = vi.spyOn(Logger.prototype, 'warn').mockReturnValue();

  beforeEach(() => {
    vi.useFakeTimers();
    warn.mockClear();
    held = new HeldPartitions();
  });
  afterEach(() => void vi.useRealTimers());

  /** How long the partition is held from now on. */
  function heldForMs(partition: number): number {
    const fromMs = performance.now();
    while (held.now().has(partition)) vi.advanceTimersByTime(500);
    return performance.now() - fromMs;
  }

  it('holds each for a second of its own', () => {
    held.hold(new Set([1]));
    vi.advanceTimersByTime(500);
    held.hold(new Set([2]));
    expect([...held.now()]).toEqual([1, 2]);
    vi.advanceTimersByTime(500);
    expect([...held.now()]).toEqual([2]);
    vi.advanceTimersByTime(500);
    expect([...held.now()]).toEqual([]);
  });

  it('holds what takes nothing again for twice as long, up to half a minute', () => {
    const pausesMs = Array.from({ length: 7 }, () => {
      held.hold(new Set([1]));
      return heldForMs(1);
    });
    expect(pausesMs).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  it('begins anew with a partition that has been well for as long, and with another at once', () => {
    held.hold(new Set([1]));
    heldForMs(1);
    held.hold(new Set([1, 2]));
    expect(heldForMs(2)).toBe(1000);
    expect(heldForMs(1)).toBe(1000);
    vi.advanceTimersByTime(2000);
    held.hold(new Set([1]));
    expect(heldForMs(1)).toBe(1000);
  });

  it('says of each which it is, and for how long', () => {
    held.hold(new Set([3]));
    expect(warn.mock.calls).toEqual([
      [{ partition: 3, pauseMs: 1000 }, expect.stringContaining('takes nothing now')],
    ]);
  });
});
