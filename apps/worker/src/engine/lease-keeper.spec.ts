import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import { holdingOf } from './claim.fixture.ts';
import type { Holdings } from './holdings.ts';
import { LeaseKeeper } from './lease-keeper.ts';

const LEASE_MS = 30_000;
const STATEMENT_TIMEOUT_MS = 2500;

let keeper: LeaseKeeper | undefined;

beforeEach(() => {
  vi.useFakeTimers({ fakeNodeBuiltins: true });
});
afterEach(async () => {
  const stopped = keeper?.loop.stop();
  await ticks(STATEMENT_TIMEOUT_MS);
  await stopped;
  vi.useRealTimers();
});

const ticks = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** A worker with two claims, on a Postgres in which somebody has locked the row of one of them for as long as `isLocked`. */
function start() {
  const lock = { isLocked: true, isWaitedFor: false };
  const claimed = { leaseEndsAtMs: performance.now() + LEASE_MS };
  const free = holdingOf(claimed);
  const locked = holdingOf(claimed);
  const held = [free, locked];
  const query = async (sql: string, [, , attemptIds]: [unknown, unknown, string[]]) => {
    const isPassedOver = (attemptId: string) =>
      lock.isLocked && attemptId === locked.claim.attemptId;
    if (sql.includes('SKIP LOCKED')) {
      return attemptIds.map((attemptId) => ({ attemptId, renewed: !isPassedOver(attemptId) }));
    }
    lock.isWaitedFor = true;
    await delay(STATEMENT_TIMEOUT_MS);
    lock.isWaitedFor = false;
    if (attemptIds.some(isPassedOver))
      throw Object.assign(new Error('too long'), { code: '57014' });
    return attemptIds.map((attemptId) => ({ attemptId }));
  };
  keeper = new LeaseKeeper(
    { manager: { query } } as unknown as DataSource,
    { held } as unknown as Holdings,
    loadSettings({ LEASE_MS: String(LEASE_MS) }),
  );
  keeper.loop.start();
  return { lock, free, locked };
}

/** Of the lease of a holding, in ms. */
const left = ({ leaseEndsAtMs }: { leaseEndsAtMs: number }) => leaseEndsAtMs - performance.now();

describe('a claim whose row somebody has locked', () => {
  it('is waited for without a break, so that its holder has it before a worker that would take it over', async () => {
    const { lock } = start();
    for (let ms = 0; ms < LEASE_MS; ms += 100) {
      await ticks(100);
      expect(lock.isWaitedFor).toBe(true);
    }
  });

  it('has its lease renewed as soon as it is let go', async () => {
    const { lock, locked } = start();
    await ticks(2 * STATEMENT_TIMEOUT_MS);
    lock.isLocked = false;
    await ticks(STATEMENT_TIMEOUT_MS);
    expect(left(locked)).toBeCloseTo(LEASE_MS - STATEMENT_TIMEOUT_MS);
    expect(locked.lost.signal.aborted).toBe(false);
  });

  it('costs no other claim its lease', async () => {
    const { free } = start();
    for (let ms = 0; ms < 2 * LEASE_MS; ms += 1000) {
      await ticks(1000);
      expect(left(free)).toBeGreaterThan(LEASE_MS / 2);
    }
  });
});
