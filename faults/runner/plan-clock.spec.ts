import { describe, expect, it } from 'vitest';
import { PlanClock } from './plan-clock.ts';

describe('PlanClock', () => {
  it('goes on while something comes back in good time, and stands still when it takes too long', async () => {
    let nowMs = 1000;
    const clock = new PlanClock(5000, () => nowMs);
    const passes = (ms: number) => {
      nowMs += ms;
      return clock.nowMs();
    };
    expect(passes(100)).toBe(100);
    let isBack: () => void = () => undefined;
    const comesBack = clock.await(new Promise((resolve) => (isBack = resolve)));
    expect(passes(4000)).toBe(4100);
    expect(passes(1000)).toBe(5100);
    expect(passes(10)).toBe(5100);
    expect(passes(60_000)).toBe(5100);
    isBack();
    await comesBack;
    expect(passes(10)).toBe(5110);
  });

  it('waits for a time of the plan', async () => {
    let nowMs = 0;
    const clock = new PlanClock(5000, () => (nowMs += 50));
    await clock.until(400);
    expect(nowMs).toBeGreaterThanOrEqual(400);
  });
});
