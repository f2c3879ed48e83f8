import type { Database } from './action-row.ts';

const names = new Map<string, string>();
let plansAreKept = false;

/**
 * Marks a statement that each connection is to prepare when it first runs it, once `keepPlans` was called: Postgres then
 * plans it once and not each time, which for a few rows takes longer than all the rest.
 *
 * For statements of the hot path whose text never changes, and that reach each row of a table by LATERAL … LIMIT, a scalar
 * subquery or a list of keys (`lockHeldRows` says why), so that one plan is right however much is in the table.
 *
 * The columns of the result must be named one by one: with a `*`, a migration that adds a column makes it fail on every
 * connection that is open.
 */
export function prepared(sql: string): string {
  names.set(sql, `statement_${names.size + 1}`);
  return sql;
}

/** The name under which a connection keeps a statement; undefined for one that is not to be prepared. */
export function preparedName(sql: string): string | undefined {
  return plansAreKept ? names.get(sql) : undefined;
}

/** From now on, in this process. Not before `hasStatistics`. */
export function keepPlans(): void {
  plansAreKept = true;
}

/**
 * Whether Postgres has statistics of the action table. A plan that is made without them may look for an action by another
 * index than that of its id, and is kept until there are: until then each look-up would read all actions of a tenant.
 */
export async function hasStatistics(database: Database): Promise<boolean> {
  const rows: unknown[] = await database.query(
    `SELECT FROM pg_stats WHERE "schemaname" = current_schema() AND "tablename" = 'security_action' LIMIT 1`,
  );
  return rows.length > 0;
}
