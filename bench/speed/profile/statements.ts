import type { Client } from 'pg';

/** One statement, all its calls together. */
export interface Statement {
  /** Its beginning, on one line. */
  text: string;
  calls: number;
  planMs: number;
  executeMs: number;
  walBytes: number;
}

const STATEMENTS_MAX = 16;
const TEXT_MAX = 110;

/** The costliest statements since the last reset, in this database. @throws when none was recorded */
export async function statements(client: Client): Promise<Statement[]> {
  const { rows } = await client.query<Statement>(
    `SELECT "query" AS "text", "calls"::int, "total_plan_time" AS "planMs", "total_exec_time" AS "executeMs",
            "wal_bytes"::float8 AS "walBytes"
       FROM "pg_stat_statements"
      WHERE "dbid" = (SELECT "oid" FROM "pg_database" WHERE "datname" = current_database())
      ORDER BY "total_plan_time" + "total_exec_time" DESC LIMIT $1`,
    [STATEMENTS_MAX],
  );
  if (rows.length === 0) throw new Error('pg_stat_statements has recorded nothing');
  return rows.map((row) => ({ ...row, text: shortened(row.text) }));
}

/** A pipe would end the cell of a table. */
function shortened(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll('|', '¦').trim().slice(0, TEXT_MAX);
}
