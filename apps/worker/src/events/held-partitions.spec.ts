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

  /** For want of replicas. */
  const hold = (...partitions: number[]) =>
    held.hold(new Map(partitions.map((partition) => [partition, 19])));

  /** How long the partition is held from now on. */
  function heldForMs(partition: number): number {
    const fromMs = performance.now();
    while (held.now().has(partition)) vi.advanceTimersByTime(500);
    return performance.now() - fromMs;
  }

  it('holds each for a second of its own', () => {
    hold(1);
    vi.advanceTimersByTime(500);
    hold(2);
    expect([...held.now()]).toEqual([1, 2]);
    vi.advanceTimersByTime(500);
    expect([...held.now()]).toEqual([2]);
    vi.advanceTimersByTime(500);
    expect([...held.now()]).toEqual([]);
  });

  it('holds what takes nothing again for twice as long, up to half a minute', () => {
    const pausesMs = Array.from({ length: 7 }, () => {
      hold(1);
      return heldForMs(1);
    });
    expect(pausesMs).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  it('holds it for longer though it takes its time to refuse', () => {
    hold(1);
    heldForMs(1);
    vi.advanceTimersByTime(6000);
    hold(1);
    expect(heldForMs(1)).toBe(2000);
  });

  it('begins anew with a partition that has been well for a minute, and with another at once', () => {
    hold(1);
    heldForMs(1);
    vi.advanceTimersByTime(60_000);
    hold(1, 2);
    expect(heldForMs(1)).toBe(1000);
    hold(3);
    expect(heldForMs(3)).toBe(1000);
  });

  it('says of each which it is, what it said, and for how long it waits', () => {
    hold(3);
    expect(warn.mock.calls).toEqual([
      [{ partition: 3, answer: 19, pauseMs: 1000 }, expect.stringContaining('takes nothing now')],
    ]);
  });
});
