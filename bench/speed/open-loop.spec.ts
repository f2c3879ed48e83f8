import { describe, expect, it } from 'vitest';
import { type Clock, exactClock, openLoop, thriftyClock } from './open-loop.ts';

/** Time that passes only when somebody waits for it, or is held up. */
class ManualClock implements Clock {
  time = 1000;

  now(): number {
    return this.time;
  }

  until(time: number): Promise<void> {
    this.time = Math.max(this.time, time);
    return Promise.resolve();
  }
}

const load = { count: 5, perSecond: 100 };

describe('openLoop', () => {
  it('begins requests evenly, without waiting for answers', async () => {
    const clock = new ManualClock();
    const begun: number[] = [];
    const { promise: answers, resolve } = Promise.withResolvers<void>();
    const all = openLoop(
      load,
      (number) => {
        begun.push(clock.now());
        if (number === load.count - 1) resolve();
        return answers;
      },
      clock,
    );
    await all;
    expect(begun).toEqual([1000, 1010, 1020, 1030, 1040]);
  });

  it('counts for each what it waited since it was due while the generator was held up', async () => {
    const clock = new ManualClock();
    const heldUpBy = (number: number) => {
      if (number === 1) clock.time += 25;
      return Promise.resolve(number);
    };
    const all = await openLoop(load, heldUpBy, clock);
    expect(all.map(({ begunAtMs, dueAtMs }) => begunAtMs - dueAtMs)).toEqual([0, 0, 15, 5, 0]);
    expect(all.map(({ dueAtMs }) => dueAtMs)).toEqual([1000, 1010, 1020, 1030, 1040]);
    expect(all.map(({ answer }) => answer)).toEqual([0, 1, 2, 3, 4]);
    for (const { answeredAtMs, begunAtMs } of all) {
      expect(answeredAtMs).toBeGreaterThanOrEqual(begunAtMs);
    }
  });

  it('keeps up with more than one request a millisecond', async () => {
    const began = performance.now();
    await openLoop({ count: 2000, perSecond: 100_000 }, () => Promise.resolve());
    // With a timer for each it would take two seconds.
    expect(performance.now() - began).toBeLessThan(1500);
  });

  it('throws what a request throws', async () => {
    const refuse = () => Promise.reject(new Error('refused'));
    await expect(openLoop(load, refuse, new ManualClock())).rejects.toThrow('refused');
  });
});

describe.each([
  ['exactClock', exactClock],
  ['thriftyClock', thriftyClock],
])('%s', (_name, clock) => {
  it('never returns before the time, wherever in a millisecond that is', async () => {
    const early: number[] = [];
    for (let part = 0; part < 1; part += 0.02) {
      const time = clock.now() + 2 + part;
      await clock.until(time);
      if (clock.now() < time) early.push(part);
    }
    expect(early).toEqual([]);
  });
});
