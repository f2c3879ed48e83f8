import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type PostgresProcess, startPostgres } from '../../dev/postgres/server.ts';
import { WebhookSystem } from '../support/webhook-system.ts';

const LEASE_MS = 6000;
const TARGETS = 20;

/*
 * Postgres answers, and does not let everything be written. No worker is lost meanwhile, so nothing may be taken for the work
 * of one: what was answered is on record as answered.
 */
describe('a Postgres that does not take all writes', () => {
  const directory = mkdtempSync(join(tmpdir(), 'security-actions-stuck-'));
  let postgres: PostgresProcess;
  let lab: WebhookSystem;

  beforeAll(async () => {
    postgres = await startPostgres({ directory });
    lab = await WebhookSystem.start(
      () => ({
        Once: { timeoutMs: 60_000, concurrencyMax: 100, capabilities: { idempotent: false } },
        Twice: { timeoutMs: 60_000, concurrencyMax: 100, capabilities: { idempotent: true } },
      }),
      { databaseUrl: postgres.url('postgres'), env: { LEASE_MS: String(LEASE_MS) }, workers: 2 },
    );
    await delay(LEASE_MS + 1000); // Before that no worker judges another.
  }, 120_000);
  beforeEach(() => lab.receiver.calls.splice(0));
  afterAll(async () => {
    await lab?.stop();
    await postgres?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const asOperator = async (...statements: string[]) => {
    const client = new pg.Client({ connectionString: lab.system.databaseUrl });
    await client.connect();
    onTestFinished(() => client.end());
    for (const sql of statements) await client.query(sql);
    return client;
  };
  /** Calls that are all under way. */
  const begun = async (provider: string, delayMs: number) => {
    const client = await lab.system.client();
    const before = lab.receiver.calls.length;
    const ids: string[] = [];
    for (let n = 0; n < TARGETS; n += 1) {
      const parameters = { target: `${provider}-${n}`, answers: '200', delayMs: String(delayMs) };
      ids.push((await client.create(lab.action(provider, parameters))).body.id);
    }
    await expect.poll(() => lab.receiver.calls.length, { timeout: 20_000 }).toBe(before + TARGETS);
    return ids;
  };
  const statusesOf = async (ids: string[]) => {
    const rows = await lab.system.query<{ status: string; count: number }>(
      `SELECT "status", count(*)::int AS "count" FROM "security_action" WHERE "id" = ANY($1) GROUP BY 1`,
      [ids],
    );
    return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
  };
  const PATIENTLY = { timeout: 30_000, interval: 100 };

  it('has one action wait that somebody has locked, for longer than a lease, and no other', async () => {
    const ids = await begun('Once', 5000);
    const locker = await asOperator(
      'BEGIN',
      `SELECT FROM "security_action_work" WHERE "actionId" = '${ids[0]}' FOR UPDATE`,
    );
    await delay(2 * LEASE_MS);
    const others = { Completed: TARGETS - 1 };
    await expect.poll(() => statusesOf(ids.slice(1)), PATIENTLY).toEqual(others);
    expect(await statusesOf(ids.slice(0, 1))).toEqual({ Running: 1 });
    await locker.query('ROLLBACK');
    await expect.poll(() => statusesOf(ids), PATIENTLY).toEqual({ Completed: TARGETS });
    expect(lab.receiver.calls).toHaveLength(TARGETS);
  }, 120_000);

  it('has nobody taken for lost that could not renew a lease while it was read-only', async () => {
    const answered = await begun('Once', 4000);
    const underWay = await begun('Twice', 20_000);
    await asOperator(
      'ALTER SYSTEM SET default_transaction_read_only = on',
      'SELECT pg_reload_conf()',
    );
    await delay(2 * LEASE_MS);
    await asOperator(
      'SET default_transaction_read_only = off',
      'ALTER SYSTEM RESET default_transaction_read_only',
      'SELECT pg_reload_conf()',
    );
    const all = [...answered, ...underWay];
    await expect.poll(() => statusesOf(all), PATIENTLY).toEqual({ Completed: 2 * TARGETS });
    expect(lab.receiver.calls).toHaveLength(2 * TARGETS);
  }, 120_000);
});
