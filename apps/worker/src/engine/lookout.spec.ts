import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import type { Waiting } from '#database/waiting.queries';
import type { Relay } from '../events/relay.ts';
import type { Canceller } from './canceller.ts';
import type { Dispatcher } from './dispatcher.ts';
import { Loop } from '../process/loop.ts';
import { Lookout } from './lookout.ts';

const NOTHING: Waiting = { work: false, cancels: false, events: false };
const KINDS = ['work', 'cancels', 'events'] as const;

beforeEach(() => {
  vi.useFakeTimers({ fakeNodeBuiltins: true });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Two kinds of intervals, so that it shows whose is kept. */
const INTERVALS = { CLAIM_INTERVAL_MS: '100', RELAY_INTERVAL_MS: '50' };

/** A lookout on a database in which `waiting` waits, and how often the loops that it watches took a step. */
async function start(env: Record<string, string> = {}) {
  const world = { waiting: NOTHING, leads: true };
  /** What each statement asked for. */
  const asked: (typeof KINDS)[number][][] = [];
  const query = (_sql: string, kinds: boolean[]) => {
    asked.push(KINDS.filter((_, index) => kinds[index]));
    return Promise.resolve([world.waiting]);
  };
  const database = { manager: { query } } as unknown as DataSource;
  const steps = { work: 0, cancels: 0, events: 0 };
  const loops = KINDS.map((kind) => {
    const loop = new Loop(kind, undefined, () => {
      steps[kind] += 1;
      return Promise.resolve(false);
    });
    loop.start();
    return loop;
  });
  const noteMore = vi.fn<() => void>(() => loops[KINDS.indexOf('events')]!.wake());
  const [dispatcher, canceller, relay] = loops.map((loop) => ({
    loop,
    noteMore,
    get leads() {
      return world.leads;
    },
  }));
  const lookout = new Lookout(
    database,
    dispatcher as unknown as Dispatcher,
    canceller as unknown as Canceller,
    relay as unknown as Relay,
    loadSettings({ ...INTERVALS, ...env }),
  );
  lookout.onApplicationBootstrap();
  // The first steps, which each loop takes by itself.
  await vi.advanceTimersByTimeAsync(1000);
  asked.length = 0;
  for (const kind of KINDS) steps[kind] = 0;
  return { world, asked, steps, loops, lookout, noteMore };
}

describe('the lookout', () => {
  it('asks Postgres by one statement for all, and wakes nobody while nothing waits', async () => {
    const { asked, steps } = await start();
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked).toHaveLength(20);
    expect(asked.filter((kinds) => kinds.includes('work'))).toHaveLength(10);
    expect(steps).toEqual({ work: 0, cancels: 0, events: 0 });
  });

  it('tells the relay that the outbox has to be looked into', async () => {
    const { world, noteMore } = await start();
    expect(noteMore).not.toHaveBeenCalled();
    world.waiting = { ...NOTHING, events: true };
    await vi.advanceTimersByTimeAsync(50);
    expect(noteMore).toHaveBeenCalledOnce();
  });

  it.each(KINDS)('wakes whom %s concern within their interval, and nobody else', async (kind) => {
    const { world, steps } = await start();
    world.waiting = { ...NOTHING, [kind]: true };
    await vi.advanceTimersByTimeAsync(kind === 'events' ? 50 : 100);
    expect(steps).toEqual({ work: 0, cancels: 0, events: 0, [kind]: 1 });
  });

  it('looks for work as often as it is told to', async () => {
    const { world, steps } = await start({ CLAIM_INTERVAL_MS: '5000' });
    world.waiting = { work: true, cancels: true, events: false };
    await vi.advanceTimersByTimeAsync(20_000);
    expect(steps).toEqual({ work: 4, cancels: 4, events: 0 });
  });

  it('does not look on behalf of those that have just looked themselves', async () => {
    const { asked, loops } = await start();
    for (let ms = 0; ms < 1000; ms += 20) {
      for (const loop of loops) loop.wake();
      await vi.advanceTimersByTimeAsync(20);
    }
    expect(asked).toEqual([]);
  });

  it('does not look for events that another worker relays', async () => {
    const { world, asked, steps } = await start();
    world.leads = false;
    world.waiting = { ...NOTHING, events: true };
    asked.length = 0;
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked.flat()).not.toContain('events');
    expect(steps.events).toBe(0);
  });

  it('stops', async () => {
    const { asked, lookout } = await start();
    await lookout.beforeApplicationShutdown();
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
