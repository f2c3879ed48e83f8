import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Client, simulate } from '../support/client.ts';
import { System } from '../support/system.ts';

/**
 * What an idle worker asks Postgres for, each second at most: it looks for work and events each 100 ms, and for all else
 * beside it.
 */
const TRANSACTIONS_PER_SECOND_MAX = 24;
/** So many that what a second more or less of Postgres's own counting makes of them does not matter. */
const TRANSACTIONS = 200;

const PATIENTLY = { timeout: 50_000, interval: 500 };

describe('a worker with nothing to do', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    system = await System.start();
    client = await system.client();
  });
  afterAll(() => system?.stop());

  /** Committed so far, as known to Postgres: each connection tells of its own about once a second. */
  const committed = async () => {
    const [row] = await system.query<{ count: string }>(
      'SELECT xact_commit AS count FROM pg_stat_database WHERE datname = current_database()',
    );
    return Number(row!.count);
  };

  it('asks Postgres for little', async () => {
    const id = await client.created(simulate());
    await vi.waitFor(async () => {
      expect((await client.get(id)).body.status).toBe('Completed');
    }, PATIENTLY);
    const from = await committed();
    const began = performance.now();
    const asked = await vi.waitFor(async () => {
      const count = (await committed()) - from;
      expect(count).toBeGreaterThan(TRANSACTIONS);
      return count;
    }, PATIENTLY);
    const seconds = (performance.now() - began) / 1000;
    expect(asked / seconds).toBeLessThan(TRANSACTIONS_PER_SECOND_MAX);
  });
});
