import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Loop } from './loop.ts';

const HOUR_MS = 3_600_000;
const started: Loop[] = [];

beforeEach(() => {
  vi.useFakeTimers({ fakeNodeBuiltins: true });
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((loop) => loop.stop()));
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A loop, and when its steps began, in ms since now. */
function startLoop(
  intervalMs: number | undefined,
  step: (number: number) => Promise<boolean> | boolean,
) {
  const startMs = Date.now();
  const beganMs: number[] = [];
  const loop = new Loop('Test', intervalMs, async () => {
    beganMs.push(Date.now() - startMs);
    return step(beganMs.length);
  });
  started.push(loop);
  loop.start();
  return { loop, beganMs };
}

function watchLog() {
  const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  const log = vi.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
  return { warnings: () => warn.mock.calls.length, lines: () => log.mock.calls.length };
}

const ticks = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('a loop', () => {
  it('takes a step at once, and then one each interval', async () => {
    const { beganMs } = startLoop(100, () => false);
    await ticks(350);
    expect(beganMs).toEqual([0, 100, 200, 300]);
  });

  it('repeats at once while a step says that there is more', async () => {
    const { beganMs } = startLoop(100, (number) => number < 5);
    await ticks(150);
    expect(beganMs).toEqual([0, 0, 0, 0, 0, 100]);
  });

  it('waits for as long as nobody wakes it, when it has no interval', async () => {
    const { loop, beganMs } = startLoop(undefined, () => false);
    await ticks(HOUR_MS);
    expect(beganMs).toEqual([0]);
    expect(vi.getTimerCount()).toBe(0);
    loop.wake();
    await ticks(1);
    expect(beganMs).toEqual([0, HOUR_MS]);
  });

  it('tells when its last step began, and that it has taken none', async () => {
    const { loop } = startLoop(100, () => false);
    const startedAtMs = performance.now();
    await ticks(250);
    expect(loop.steppedAtMs).toBe(startedAtMs + 200);
    expect(new Loop('Idle', 100, () => Promise.resolve(false)).steppedAtMs).toBe(-Infinity);
  });

  it('starts once, however often it is told to', async () => {
    const { loop, beganMs } = startLoop(100, () => false);
    loop.start();
    await ticks(50);
    expect(beganMs).toEqual([0]);
  });

  it('takes one step at a time, also when it is slower than the interval', async () => {
    const step = Promise.withResolvers<boolean>();
    const { beganMs } = startLoop(100, (number) => (number === 1 ? step.promise : false));
    await ticks(1000);
    expect(beganMs).toEqual([0]);
    step.resolve(false);
    await ticks(100);
    expect(beganMs).toEqual([0, 1100]);
  });
});

describe('waking a loop', () => {
  it('ends its pause, once for many calls', async () => {
    const { loop, beganMs } = startLoop(HOUR_MS, () => false);
    await ticks(10);
    for (let call = 0; call < 10; call += 1) loop.wake();
    await ticks(10);
    expect(beganMs).toEqual([0, 10]);
  });

  it('is not lost while a step is under way: another follows', async () => {
    const step = Promise.withResolvers<boolean>();
    const { loop, beganMs } = startLoop(HOUR_MS, (number) => (number === 1 ? step.promise : false));
    await ticks(10);
    loop.wake();
    step.resolve(false);
    await ticks(10);
    expect(beganMs).toEqual([0, 10]);
  });

  it('does not cut the pause of a failure short, and is not lost by it', async () => {
    watchLog();
    const { loop, beganMs } = startLoop(500, (number) => {
      if (number === 1) throw new Error('Postgres is away');
      return false;
    });
    await ticks(10);
    loop.wake();
    await ticks(900);
    expect(beganMs).toEqual([0]);
    await ticks(100);
    expect(beganMs).toEqual([0, 1000]);
  });
});

describe('a step that fails', () => {
  it('is tried again after growing pauses of up to 2 s, whatever the interval', async () => {
    watchLog();
    const fail = () => Promise.reject(new Error('Postgres is away'));
    const quick = startLoop(100, fail);
    const slow = startLoop(HOUR_MS, fail);
    const woken = startLoop(undefined, fail);
    await ticks(7200);
    expect(quick.beganMs).toEqual([0, 200, 600, 1400, 3000, 5000, 7000]);
    expect(slow.beganMs).toEqual([0, 2000, 4000, 6000]);
    expect(woken.beganMs).toEqual(quick.beganMs);
  });

  it('is logged once in a while, not each time', async () => {
    const { warnings, lines } = watchLog();
    startLoop(100, () => Promise.reject(new Error('Postgres is away')));
    await ticks(50_000);
    expect([warnings(), lines()]).toEqual([1, 0]);
    await ticks(100_000);
    expect([warnings(), lines()]).toEqual([3, 0]);
  });

  it('is forgotten when one works: that is logged, and the next failure is a new one', async () => {
    const { warnings, lines } = watchLog();
    const { beganMs } = startLoop(100, (number) => {
      if (number < 4 || number === 6) throw new Error('Postgres is away');
      return false;
    });
    await ticks(1900);
    expect(beganMs).toEqual([0, 200, 600, 1400, 1500, 1600, 1800, 1900]);
    expect([warnings(), lines()]).toEqual([2, 2]);
  });
});

describe('stopping a loop', () => {
  it.each([
    ['pauses', () => false],
    ['waits after a failure', () => Promise.reject(new Error('Postgres is away'))],
  ])('ends it at once while it %s', async (_when, step) => {
    watchLog();
    const { loop, beganMs } = startLoop(HOUR_MS, step);
    await ticks(10);
    await loop.stop();
    await ticks(2 * HOUR_MS);
    expect(beganMs).toEqual([0]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    ['nothing to do', false],
    ['more to do', true],
  ])('waits for the step under way, and ends after it though there is %s', async (_what, again) => {
    const step = Promise.withResolvers<boolean>();
    const { loop, beganMs } = startLoop(HOUR_MS, () => step.promise);
    await ticks(10);
    let stopped = false;
    const stopping = loop.stop().then(() => (stopped = true));
    loop.wake();
    await ticks(10);
    expect(stopped).toBe(false);
    step.resolve(again);
    await stopping;
    await ticks(2 * HOUR_MS);
    expect(beganMs).toEqual([0]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits for a step that fails, and does not try again', async () => {
    watchLog();
    const step = Promise.withResolvers<boolean>();
    const { loop, beganMs } = startLoop(100, () => step.promise);
    const stopping = loop.stop();
    step.reject(new Error('Postgres is away'));
    await stopping;
    await ticks(HOUR_MS);
    expect(beganMs).toEqual([0]);
  });

  it('may be asked twice, and of a loop that never started, which then never does', async () => {
    const { loop } = startLoop(100, () => false);
    await Promise.all([loop.stop(), loop.stop()]);
    let steps = 0;
    const idle = new Loop('Test', 100, () => Promise.resolve((steps += 1) < 0));
    await idle.stop();
    idle.start();
    await ticks(1000);
    expect(steps).toBe(0);
  });
});
