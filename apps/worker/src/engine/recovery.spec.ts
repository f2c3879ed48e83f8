import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import type { Catalogue } from '#providers/catalogue';
import type { Dispatcher } from './dispatcher.ts';
import { Recovery } from './recovery.ts';

const LEASE_MS = 30_000;
const INTERVAL_MS = 1000;
const HOUR_MS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ fakeNodeBuiltins: true });
  for (const level of ['warn', 'log'] as const)
    vi.spyOn(Logger.prototype, level).mockImplementation(() => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const ticks = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** What Postgres says of a statement that it does not run. */
const refusal = (code: string) => Object.assign(new Error(code), { code });

/** What its statements are told from the others by. */
const LOOK = 'WHERE false';
const TAKEOVER = 'WITH expired';
const SWEEP = 'WITH RECURSIVE head';
const SHORTENING = 'WITH overlong';

/**
 * A recovery on a Postgres that always has an expired lease; when it took over what that held, shortened those that are too long,
 * and met a fault, in ms from now on.
 */
function start() {
  const faults = new Map<string, Error>();
  /** Of Postgres: how far it is set ahead of ours. */
  const clock = { aheadMs: 0 };
  const startMs = performance.now();
  const tookOverMs: number[] = [];
  const failedMs: number[] = [];
  const shortenedMs: number[] = [];
  const leases = { areTooLong: false };
  const query = (sql: string): Promise<unknown> => {
    const fault = [...faults].find(([statement]) => sql.includes(statement))?.[1];
    if (fault) {
      failedMs.push(performance.now() - startMs);
      return Promise.reject(fault);
    }
    if (sql.includes(LOOK)) {
      const at = new Date(Date.now() + clock.aheadMs);
      return Promise.resolve([{ isAnyExpired: true, isAnyTooLong: leases.areTooLong, at }]);
    }
    if (sql.includes(SHORTENING)) {
      leases.areTooLong = false;
      shortenedMs.push(performance.now() - startMs);
      return Promise.resolve([[{}], 1]);
    }
    if (!sql.includes(TAKEOVER)) return Promise.resolve([]);
    tookOverMs.push(performance.now() - startMs);
    return Promise.resolve([[{}], 1]);
  };
  const manager = { query };
  const database = { manager, transaction: (work: (with_: unknown) => unknown) => work(manager) };
  const recovery = new Recovery(
    database as unknown as DataSource,
    { noteWaiting: () => undefined } as unknown as Dispatcher,
    { providers: [] } as unknown as Catalogue,
    loadSettings({ LEASE_MS: String(LEASE_MS), RECOVERY_INTERVAL_MS: String(INTERVAL_MS) }),
  );
  recovery.loop.start();
  onTestFinished(() => recovery.loop.stop());
  return { faults, failedMs, tookOverMs, shortenedMs, clock, leases };
}

describe('the recovery', () => {
  it('takes nothing over before it was in touch with Postgres for a lease', async () => {
    const { tookOverMs } = start();
    await ticks(LEASE_MS - 1);
    expect(tookOverMs).toEqual([]);
    await ticks(1);
    expect(tookOverMs).toEqual([LEASE_MS]);
  });

  it.each([
    ['takes too long', refusal('57014')],
    ['waits too long for a lock', refusal('55P03')],
    ['fails for a reason of its own', new TypeError('a bug')],
  ])('takes over from the dead while every sweep %s', async (_what, fault) => {
    const { faults, tookOverMs } = start();
    faults.set(SWEEP, fault);
    await ticks(2 * LEASE_MS);
    expect(tookOverMs.length).toBeGreaterThan(LEASE_MS / INTERVAL_MS / 2);
  });

  it('takes over from the dead as soon as a takeover that took too long can be done', async () => {
    const { faults, tookOverMs } = start();
    faults.set(TAKEOVER, refusal('57014'));
    await ticks(LEASE_MS);
    faults.clear();
    await ticks(LEASE_MS / 2);
    expect(tookOverMs).not.toEqual([]);
  });

  it.each([
    ['a look', LOOK],
    ['a takeover', TAKEOVER],
    ['a sweep', SWEEP],
  ])(
    'judges nobody for a lease after an outage that came in the midst of %s',
    async (_, statement) => {
      const { faults, failedMs, tookOverMs } = start();
      faults.set(statement, refusal('57P01'));
      await ticks(2 * LEASE_MS);
      faults.clear();
      await ticks(2 * LEASE_MS);
      const lastFaultMs = failedMs.at(-1)!;
      const nextMs = tookOverMs.find((ms) => ms > lastFaultMs);
      expect(nextMs).toBeGreaterThanOrEqual(lastFaultMs + LEASE_MS);
    },
  );

  it.each([
    ['ahead', 3 * HOUR_MS],
    ['back', -3 * HOUR_MS],
  ])(
    'judges nobody for a lease after the clock of Postgres was set %s: the living renew theirs meanwhile',
    async (_, stepMs) => {
      const { clock, tookOverMs } = start();
      await ticks(2 * LEASE_MS);
      clock.aheadMs += stepMs;
      tookOverMs.length = 0;
      await ticks(LEASE_MS);
      expect(tookOverMs).toEqual([]);
      await ticks(2 * INTERVAL_MS);
      expect(tookOverMs).not.toEqual([]);
    },
  );

  it('goes on judging while the clock of Postgres runs a little faster or slower than its own', async () => {
    const { clock, tookOverMs } = start();
    await ticks(LEASE_MS);
    for (let ms = 0; ms < LEASE_MS; ms += INTERVAL_MS) {
      clock.aheadMs += ms % (2 * INTERVAL_MS) === 0 ? 100 : -100;
      tookOverMs.length = 0;
      await ticks(INTERVAL_MS);
      expect(tookOverMs).toHaveLength(1);
    }
  });

  it('shortens leases that the clock of Postgres has made too long, once the living have renewed theirs', async () => {
    const { clock, leases, shortenedMs } = start();
    await ticks(2 * LEASE_MS);
    clock.aheadMs = -3 * HOUR_MS;
    leases.areTooLong = true;
    await ticks(LEASE_MS);
    expect(shortenedMs).toEqual([]);
    await ticks(LEASE_MS);
    expect(shortenedMs).toHaveLength(1);
  });
});
