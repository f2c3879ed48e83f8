import { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { loadSettings } from '#config/settings';
import { type Claim, claimWork } from '#database/claim.queries';
import { dataSourceOptions } from '#database/data-source';
import { inTransaction } from '#database/transaction';
import { Catalogue } from '#providers/catalogue';
import { holdingOf } from '../../apps/worker/src/engine/claim.fixture.ts';
import type { Dispatcher } from '../../apps/worker/src/engine/dispatcher.ts';
import type { Holdings } from '../../apps/worker/src/engine/holdings.ts';
import { LeaseKeeper } from '../../apps/worker/src/engine/lease-keeper.ts';
import { Recovery } from '../../apps/worker/src/engine/recovery.ts';
import { TestDatabase, command, ingest, roomAt } from '../support/database.ts';

const LEASE_MS = 3000;
const HOUR_MS = 3_600_000;
const PATIENTLY = { timeout: 30_000, interval: 50 };

/** Found before those of Postgres, by whoever looks there first. */
const CLOCK = [
  'CREATE SCHEMA clock',
  'CREATE TABLE clock.step AS SELECT 0::float8 AS ms',
  `CREATE FUNCTION clock.now() RETURNS timestamptz STABLE
     RETURN pg_catalog.now() + (SELECT ms FROM clock.step) * interval '1 ms'`,
  `CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz VOLATILE
     RETURN pg_catalog.clock_timestamp() + (SELECT ms FROM clock.step) * interval '1 ms'`,
];

describe('a clock of Postgres that is set', () => {
  let database: TestDatabase;
  let worker: DataSource;

  beforeAll(async () => {
    database = await TestDatabase.create();
    for (const sql of CLOCK) await database.query(sql);
    await database.query(`DO $$ BEGIN EXECUTE format(
      'ALTER DATABASE %I SET search_path = clock, public, pg_catalog', current_database()); END $$`);
    const pool = { applicationName: 'worker', connectionsMax: 4, findsByIndex: true };
    worker = await new DataSource(dataSourceOptions(database.settings, pool)).initialize();
  });
  beforeEach(async () => {
    await database.clear();
    await setClock(0);
  });
  afterAll(async () => {
    await worker?.destroy();
    await database?.drop();
  });

  const setClock = (aheadMs: number) => database.query('UPDATE clock.step SET ms = $1', [aheadMs]);
  const claimOne = () =>
    inTransaction(worker, async (manager) => {
      await ingest(manager, [command({ target: null })]);
      const [claim] = await claimWork(manager, roomAt(1), { owner: 'worker', leaseMs: LEASE_MS });
      return claim!;
    });
  const work = async ({ actionId }: Claim) => (await database.work(actionId))!;
  /** What a claim of a worker that has died has come to. */
  const isFree = async (claim: Claim) => (await work(claim)).leaseOwner === null;

  /** A worker that lives and holds a claim, and one that recovers and has been in touch for long enough to judge. */
  const start = async () => {
    const env = { LEASE_MS: String(LEASE_MS), RECOVERY_INTERVAL_MS: '100' };
    const living = await claimOne();
    const holdings = { held: [holdingOf({ claim: living })] } as unknown as Holdings;
    const dispatcher = { noteWaiting: () => undefined } as unknown as Dispatcher;
    const loops = [
      new LeaseKeeper(worker, holdings, loadSettings(env)).loop,
      new Recovery(worker, dispatcher, new Catalogue([]), loadSettings(env)).loop,
    ];
    for (const loop of loops) {
      loop.start();
      onTestFinished(() => loop.stop());
    }
    const dead = await claimOne();
    await expect.poll(() => isFree(dead), PATIENTLY).toBe(true);
    return living;
  };

  it('ahead leaves the living what they hold, and not the dead', async () => {
    const living = await start();
    const dead = await claimOne();
    await setClock(3 * HOUR_MS);
    await expect.poll(() => isFree(dead), PATIENTLY).toBe(true);
    expect(await work(living)).toMatchObject({ attemptId: living.attemptId });
  });

  it('back leaves the living what they hold, and the dead for ten minutes, also when it is put right', async () => {
    const living = await start();
    const dead = await claimOne();
    await setClock(-3 * HOUR_MS);
    const leftMs = async () => {
      const [row] = await worker.query<{ ms: number }[]>(
        `SELECT extract(epoch FROM "leaseUntil" - clock_timestamp())::float8 * 1000 AS ms
           FROM security_action_work WHERE "actionId" = $1`,
        [dead.actionId],
      );
      return row!.ms;
    };
    expect(await leftMs()).toBeGreaterThan(2 * HOUR_MS);
    await expect.poll(leftMs, PATIENTLY).toBeLessThan(600_000);
    expect(await isFree(dead)).toBe(false);
    await setClock(0);
    await expect.poll(() => isFree(dead), PATIENTLY).toBe(true);
    expect(await work(living)).toMatchObject({ attemptId: living.attemptId });
  });
});
