import type { Database } from './action-row.ts';

/*
 * What keeps the table of dead letters bounded, in time and in size: strangers can make any number of them, and each is in
 * its topic as well.
 */

/**
 * Deletes letters that are older than `retentionMs`, at most `limit` of them: the oldest, whatever was decided about
 * them. What another worker deletes just now is skipped.
 * @returns how many
 */
export async function deleteOldDeadLetters(
  database: Database,
  retentionMs: number,
  limit: number,
): Promise<number> {
  const rows: { count: number }[] = await database.query(DELETE_OLD, [retentionMs, limit]);
  return rows[0]!.count;
}

/** What `$names` is: the CTE of the letters that go. */
const deletedOf = (names: string) => `
  deleted AS (
    DELETE FROM "dead_letter" d USING ${names} n
     WHERE d."azureTenantId" = n."azureTenantId" AND d."id" = n."id"
    RETURNING d."azureTenantId"
  )`;

const DELETE_OLD = `
  WITH old AS (
    SELECT "azureTenantId", "id" FROM "dead_letter"
     WHERE "createdDateTime" < now() - $1 * interval '1 ms'
     ORDER BY "createdDateTime" LIMIT $2 FOR UPDATE SKIP LOCKED
  ),
  ${deletedOf('old')}
  SELECT count(*)::integer AS "count" FROM deleted`;

/** How many letters went, and whose they were. */
export interface Surplus {
  count: number;
  azureTenantId: string | null;
}

/**
 * Deletes open letters while there are more than `max`, at most `limit` of them: the oldest of the tenant that has the
 * most, so that a flood of one takes no place from another (those that nobody has proved to have sent count as one
 * tenant). What was decided about is kept, and does not count. Two workers that do it at once delete no more than one: both
 * begin with the same letter, and the second waits for the first.
 */
export async function deleteSurplusDeadLetters(
  database: Database,
  max: number,
  limit: number,
): Promise<Surplus> {
  const rows: Surplus[] = await database.query(DELETE_SURPLUS, [max, limit]);
  return rows[0]!;
}

// Counted are the newest only, and so many as there may be, so that this takes no longer the more there are.
const DELETE_SURPLUS = `
  WITH newest AS (
    SELECT "azureTenantId" FROM "dead_letter" WHERE "state" = 'open'
     ORDER BY "createdDateTime" DESC, "id" DESC LIMIT $1::integer + $2::integer
  ),
  tenant AS (
    SELECT "azureTenantId", (sum(count(*)) OVER ())::integer - $1::integer AS "surplus" FROM newest
     GROUP BY "azureTenantId" ORDER BY count(*) DESC, "azureTenantId" LIMIT 1
  ),
  surplus AS (
    SELECT l."azureTenantId", l."id" FROM tenant t JOIN "dead_letter" l USING ("azureTenantId")
     WHERE l."state" = 'open'
     ORDER BY l."createdDateTime", l."id"
     LIMIT (SELECT greatest("surplus", 0) FROM tenant) FOR UPDATE OF l
  ),
  ${deletedOf('surplus')}
  SELECT count(*)::integer AS "count", min("azureTenantId") AS "azureTenantId" FROM deleted`;
