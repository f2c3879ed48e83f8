import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import type { Statement } from '#database/impatient-client';
import type { Relay } from '../events/relay.ts';
import { claimOf } from './claim.fixture.ts';
import { Settler } from './settler.ts';

const STATEMENT_TIMEOUT_MS = 2500;
/** Whose rows somebody has locked, and who is known for it. */
const KNOWN = 20;

beforeEach(() => {
  vi.useFakeTimers({ fakeNodeBuiltins: true });
  vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const ticks = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** A settler on a Postgres that waits for a lock wherever one of `locked` is to be settled, until the statement has run out of time. */
function start() {
  const locked = new Set<string>();
  const queryTogether = async ([begin, settling, commit]: Statement[]) => {
    const attemptIds = String(settling!.values[2]).slice(1, -1).split(',');
    if (attemptIds.some((attemptId) => locked.has(attemptId))) {
      await delay(STATEMENT_TIMEOUT_MS);
      throw Object.assign(new Error('too long'), { code: '57014' });
    }
    const rows = attemptIds.map((_, index) => ({ at: index + 1, sequence: null }));
    return [begin, { rows }, commit];
  };
  const runner = { connect: () => Promise.resolve({ queryTogether }), release: () => undefined };
  const settler = new Settler(
    { createQueryRunner: () => runner } as unknown as DataSource,
    { noteSettled: () => undefined } as unknown as Relay,
    loadSettings({}),
  );
  const settled: string[] = [];
  /** Outcomes that come together; of those that are locked none is written. */
  const settle = (count: number, { areLocked = false } = {}) =>
    Array.from({ length: count }, () => {
      const claim = claimOf();
      if (areLocked) locked.add(claim.attemptId);
      settler.settle({ ...claim, type: 'completed' }).then(
        () => settled.push(claim.attemptId),
        () => undefined,
      );
      return claim.attemptId;
    });
  return { locked, settle, settled };
}

describe('outcomes of a batch in which one waits for a lock', () => {
  it('are written all the same, but for that one, which is once it can be', async () => {
    const { locked, settle, settled } = start();
    const before = settle(100);
    const [culprit] = settle(1, { areLocked: true });
    const behind = settle(100);
    await ticks(10 * STATEMENT_TIMEOUT_MS);
    expect(new Set(settled)).toEqual(new Set([...before, ...behind]));
    locked.clear();
    await ticks(STATEMENT_TIMEOUT_MS);
    expect(settled.at(-1)).toBe(culprit);
  });

  it('do not wait for those that are known to wait for one, however many they are', async () => {
    const { settle, settled } = start();
    settle(KNOWN, { areLocked: true });
    // All of them were tried by themselves.
    await ticks(2 * KNOWN * STATEMENT_TIMEOUT_MS);
    const [first] = settle(1);
    settle(1, { areLocked: true });
    const [last] = settle(1);
    // The whole batch, the known one that is just being tried, and the new one.
    await ticks(3 * STATEMENT_TIMEOUT_MS);
    expect(settled).toEqual([first, last]);
  });
});
