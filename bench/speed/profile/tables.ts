import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Answer } from '../../table.ts';

/** What has been written to a table since its statistics began. */
interface TableWrites {
  name: string;
  inserts: number;
  updates: number;
  /** Of the updates, those that touched no index. */
  hotUpdates: number;
  deletes: number;
  indexes: number;
  bytes: number;
}

const TABLES_MAX = 8;
/** By then a connection that has become idle has told what it did: Postgres has it do so after ten seconds. */
const STATISTICS_MS = 11_000;

/** Forgets what was written before, also what connections have not told yet. */
export async function resetTables(client: Client): Promise<void> {
  await delay(STATISTICS_MS);
  await client.query('SELECT pg_stat_reset()');
}

/** What an action costs in rows. */
export async function tablesTable(client: Client, actions: number): Promise<Answer> {
  await delay(STATISTICS_MS);
  const { rows } = await client.query<TableWrites>(
    `SELECT "relname" AS "name", "n_tup_ins"::int AS "inserts", "n_tup_upd"::int AS "updates",
            "n_tup_hot_upd"::int AS "hotUpdates", "n_tup_del"::int AS "deletes",
            (SELECT count(*)::int FROM "pg_index" WHERE "indrelid" = "relid") AS "indexes",
            pg_total_relation_size("relid")::float8 AS "bytes"
       FROM "pg_stat_user_tables" ORDER BY "n_tup_ins" + "n_tup_upd" + "n_tup_del" DESC LIMIT $1`,
    [TABLES_MAX],
  );
  const each = (count: number) => (count / actions).toFixed(2);
  return {
    title: 'What is written to which table',
    setup: 'Rows an action. An update that is not HOT writes to every index of its table.',
    header: ['', 'Inserted', 'Updated', 'of it HOT', 'Deleted', 'Indexes', 'MiB in the end'],
    rows: rows
      .filter(({ inserts, updates, deletes }) => inserts + updates + deletes > 0)
      .map((row) => [
        row.name,
        each(row.inserts),
        each(row.updates),
        row.updates === 0 ? '–' : `${((row.hotUpdates / row.updates) * 100).toFixed(0)} %`,
        each(row.deletes),
        String(row.indexes),
        (row.bytes / 2 ** 20).toFixed(1),
      ]),
    notes: [],
  };
}
