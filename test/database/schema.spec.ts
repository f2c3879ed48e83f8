import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrationDataSource } from '#database/data-source';
import { TestDatabase } from '../support/database.ts';

/** No tenant: what they hold is the service's own. */
const TENANTLESS = ['hold', 'hold_guard', 'outbox', 'provider_slot', 'relay_lease'];

describe('the migrations', () => {
  let database: TestDatabase;
  let migrations: DataSource;

  beforeEach(async () => {
    database = await TestDatabase.create({ migrated: false });
    migrations = await migrationDataSource(database.settings).initialize();
  });
  afterEach(async () => {
    await migrations?.destroy();
    await database?.drop();
  });

  const up = async () => (await migrations.runMigrations({ transaction: 'each' })).length;
  const down = () => migrations.undoLastMigration({ transaction: 'each' });

  /** Everything in the schema but the list of migrations. */
  const objects = async () => {
    const rows = await database.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
       UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
       UNION ALL SELECT typname FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typtype <> 'c' AND typelem = 0
       ORDER BY 1`,
    );
    return rows.map(({ name }) => name).filter((name) => !/^(PK_|migrations)/.test(name));
  };

  it('leave TypeORM nothing to change', async () => {
    await up();
    const { upQueries } = await database.dataSource.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  // TypeORM itself compares neither the conditions of indexes nor those of checks.
  it('make from nothing exactly the columns, indexes and constraints that the entities declare', async () => {
    await up();
    const migrated = await declarations(database);
    const declared = await TestDatabase.create({ migrated: false });
    try {
      await declared.dataSource.synchronize();
      expect(migrated).toEqual(await declarations(declared));
    } finally {
      await declared.drop();
    }
  });

  it('have one entity for every table', async () => {
    await up();
    const tables = await database.query<{ tablename: string }>(
      `SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`,
    );
    const declared = database.dataSource.entityMetadatas.map(({ tableName }) => tableName);
    expect(tables.map(({ tablename }) => tablename)).toEqual([...declared, 'migrations'].sort());
  });

  it('can each be reverted, down to an empty schema, and applied again', async () => {
    const count = await up();
    const made = await objects();
    expect(count).toBe(migrations.migrations.length);
    expect(made).toContain('security_action');
    for (let left = count; left > 0; left -= 1) await down();
    expect(await objects()).toEqual([]);
    expect(await up()).toBe(count);
    expect(await objects()).toEqual(made);
  });

  it('change nothing when they are run again', async () => {
    await up();
    expect(await up()).toBe(0);
  });

  it('let every primary key and unique index lead with the tenant, so that the tables can be spread by it', async () => {
    await up();
    const leaders = await database.query<{ table: string; index: string; leader: string }>(
      `SELECT t.relname AS "table", i.relname AS "index", a.attname AS "leader"
         FROM pg_index x
         JOIN pg_class t ON t.oid = x.indrelid
         JOIN pg_class i ON i.oid = x.indexrelid
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
        WHERE t.relnamespace = 'public'::regnamespace AND x.indisunique
          AND t.relname <> 'migrations'`,
    );
    expect(leaders.length).toBeGreaterThan(TENANTLESS.length);
    const others = leaders.filter(({ leader }) => leader !== 'azureTenantId');
    expect(others.map(({ table }) => table).sort()).toEqual(TENANTLESS);
  });
});

/** Each column, index and constraint as Postgres spells it. Primary keys have no name that an entity gives them. */
async function declarations(database: TestDatabase): Promise<string[]> {
  const rows = await database.query<{ declaration: string }>(
    `SELECT format('%s.%s %s %s default %s identity %s', table_name, column_name, udt_name,
              datetime_precision, column_default, identity_generation) || is_nullable AS declaration
       FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'migrations'
     UNION ALL
     SELECT pg_get_indexdef(indexrelid) FROM pg_index
      WHERE indrelid::regclass::text <> 'migrations' AND NOT indisprimary
        AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
     UNION ALL
     SELECT format('%s %s %s', conrelid::regclass, CASE WHEN contype <> 'p' THEN conname END,
              pg_get_constraintdef(oid))
       FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'migrations'
     ORDER BY 1`,
  );
  return rows.map(({ declaration }) => declaration);
}
