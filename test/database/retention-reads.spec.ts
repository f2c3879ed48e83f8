import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DataSource, EntityManager } from 'typeorm';
import { removeOldActions } from '#database/remove-old-actions';
import { findOldSlice } from '#database/retention.queries';
import { inTransaction } from '#database/transaction';
import { TENANT, TestDatabase, command, times } from '../support/database.ts';
import { AGE_MS, OldActions } from '../support/old-actions.ts';

const SLICE = 500;
/** Of ten tenants, so many that Postgres makes the plans that it makes for large tables. */
const STAYING = 30_000;
/** Into the table of actions, for one of them. */
const LOOK_UPS_MAX = 3;

let database: TestDatabase;
let worker: DataSource;

beforeAll(async () => {
  database = await TestDatabase.create();
  // As the worker connects, who removes them.
  worker = await database.connectAsWorker();
  const commands = times(SLICE, (index) => command({ target: `host-${index}` }));
  await database.ingest(...commands);
  await database.query(
    `UPDATE security_action SET "completedDateTime" = now(), "status" = 'Completed'`,
  );
  await database.query('DELETE FROM security_action_work');
  await database.query('TRUNCATE outbox');
  await database.query(
    `INSERT INTO security_action OVERRIDING SYSTEM VALUE
     SELECT (jsonb_populate_record(one.row, jsonb_build_object('id', gen_random_uuid(), 'targetKey', gen_random_uuid(),
              'azureTenantId', CASE WHEN n % 10 > 0 THEN 'tenant-' || n % 10 ELSE (one.row)."azureTenantId" END,
              'position', (one.row)."position" + 1000 + n))).*
       FROM (SELECT a AS row FROM security_action a LIMIT 1) one, generate_series(1, $1) n`,
    [STAYING],
  );
  await new OldActions(database).age(31, ...commands.map(({ action }) => action.id));
  await database.query('ANALYZE');
});
afterAll(() => database?.drop());

/** How often `security_action` has been looked into in this transaction. */
async function lookUps(manager: EntityManager): Promise<number> {
  const [row]: { scans: number }[] = await manager.query(
    `SELECT (coalesce(idx_scan, 0) + seq_scan)::int AS scans
       FROM pg_stat_xact_user_tables WHERE relname = 'security_action'`,
  );
  return row!.scans;
}

it('looks for others on the target of each old action once, however many go with it', async () => {
  await inTransaction(worker, async (manager) => {
    const place = { after: '0', ageMs: AGE_MS, limit: SLICE };
    const slice = await findOldSlice(manager, TENANT, place);
    expect(await removeOldActions(manager, slice!, AGE_MS)).toBe(SLICE);
    expect(await lookUps(manager)).toBeLessThanOrEqual(SLICE * LOOK_UPS_MAX);
  });
});
