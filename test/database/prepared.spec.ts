import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataSource } from 'typeorm';
import { columnsOf } from '#database/action-row';
import { type ClaimRoom, claimWork } from '#database/claim.queries';
import { dataSourceOptions } from '#database/data-source';
import { SecurityActionEntity } from '#database/entities/security-action.entity';
import { shareHoldGuard } from '#database/hold-guard.queries';
import { deleteFromOutbox, holdRelayLease, readOutbox } from '#database/outbox.queries';
import { settle } from '#database/settle.queries';
import { storeCommands } from '#database/store-commands';
import { hasStatistics, keepPlans } from '#database/prepared';
import { lockHeads, promoteHeads } from '#database/targets.queries';
import { inTransaction } from '#database/transaction';
import { PROVIDER, TENANT, TestDatabase, command, targetKey, times } from '../support/database.ts';

const LEASE = { owner: 'worker-1', leaseMs: 60_000 };

describe('a connection', () => {
  let database: TestDatabase;
  let single: DataSource;

  beforeAll(async () => {
    database = await TestDatabase.create();
    const pool = { applicationName: 'single', connectionsMax: 1 };
    single = await new DataSource(dataSourceOptions(database.settings, pool)).initialize();
  });
  afterAll(async () => {
    await single?.destroy();
    await database?.drop();
  });

  /** Two actions on one target, from their commands to their last events: every statement of the hot path. */
  const liveThrough = async () => {
    const room: ClaimRoom = {
      byProvider: new Map([[PROVIDER, 10]]),
      total: 10,
      repeatable: new Set(),
      turns: new Map(),
    };
    const target = { azureTenantId: TENANT, targetKey: targetKey('host-1') };
    const started = await inTransaction(single, async (manager) => {
      await shareHoldGuard(manager);
      const commands = [command(), command()];
      const { actions } = await storeCommands(manager, commands, { room, lease: LEASE });
      await lockHeads(manager, [target]);
      await promoteHeads(manager, [target]);
      return actions.flatMap(({ claim }) => claim ?? []);
    });
    await inTransaction(single, (manager) =>
      settle(
        manager,
        started.map((claim) => ({ ...claim, type: 'completed' })),
      ),
    );
    const claimed = await inTransaction(single, (manager) => claimWork(manager, room, LEASE));
    await inTransaction(single, (manager) =>
      settle(
        manager,
        claimed.map((claim) => ({ ...claim, type: 'completed' })),
      ),
    );
    const lease = (await holdRelayLease(single.manager, 'worker-1', 60_000))!;
    const events = await readOutbox(single.manager, { limit: 100 });
    const positions = events.map(({ position }) => position);
    await deleteFromOutbox(single.manager, lease, positions);
    return events.map(({ type }) => type).toSorted();
  };

  const LIVES = ['completed', 'completed', 'created', 'created', 'started', 'started'];

  it('prepares nothing before it is told to, which is when the action table has statistics', async () => {
    expect(await liveThrough()).toEqual(LIVES);
    expect(await single.query('SELECT FROM pg_prepared_statements')).toEqual([]);
    expect(await hasStatistics(single.manager)).toBe(false);
    await database.query('ANALYZE security_action');
    expect(await hasStatistics(single.manager)).toBe(true);
    keepPlans();
  });

  it('prepares the statements of the hot path once, however often they run', async () => {
    keepPlans();
    for (const _ of times(3, () => undefined)) expect(await liveThrough()).toEqual(LIVES);
    const kept: { name: string; runs: number }[] = await single.query(
      `SELECT "name", ("generic_plans" + "custom_plans")::int AS "runs" FROM pg_prepared_statements`,
    );
    expect(kept.length).toBeGreaterThanOrEqual(8);
    expect(new Set(kept.map(({ name }) => name)).size).toBe(kept.length);
    expect(kept.every(({ runs }) => runs >= 3)).toBe(true);
  });

  it('goes on working when a migration adds columns to its tables', async () => {
    expect(await liveThrough()).toEqual(LIVES);
    for (const { tableName } of single.entityMetadatas) {
      await database.query(`ALTER TABLE "${tableName}" ADD COLUMN "added" text`);
    }
    expect(await liveThrough()).toEqual(LIVES);
  });

  it('reads every column that an action has', () => {
    const names = [...columnsOf('a').matchAll(/"(\w+)"/g)].map(([, name]) => name);
    const { columns } = single.getMetadata(SecurityActionEntity);
    expect(new Set(names)).toEqual(new Set(columns.map(({ databaseName }) => databaseName)));
  });

  it('works in READ COMMITTED, whatever the default of the database', async () => {
    const [row] = await database.query<{ name: string }>(
      'SELECT current_database()::text AS "name"',
    );
    await database.query(
      `ALTER DATABASE "${row!.name}" SET default_transaction_isolation = 'serializable'`,
    );
    const pool = { applicationName: 'other', connectionsMax: 1 };
    const other = await new DataSource(dataSourceOptions(database.settings, pool)).initialize();
    try {
      const isolation = await inTransaction(other, (manager) =>
        manager.query(`SHOW transaction_isolation`),
      );
      expect(isolation).toEqual([{ transaction_isolation: 'read committed' }]);
    } finally {
      await other.destroy();
    }
  });
});
