import type { Database } from './action-row.ts';

/*
 * Which actions are old enough to be removed, and their removal. A tenant's actions are walked in the order of their
 * positions, which is nearly that of their acceptance. An index by a time that changes at the end (`completedDateTime`,
 * `lastActionDateTime`) would serve, too, but each change of an action would then have to write to every index of the table
 * (no HOT update), and that of the positions is there anyway.
 *
 * Nothing here waits for a lock: what somebody holds is left to the next walk.
 */

/** Events that one step deletes, but for an action that has more by itself: so that it takes milliseconds. */
const EVENTS_MAX = 5000;

/**
 * How many events of the outbox are looked through. With more of them waiting nothing is removed: Kafka is away, or the relay
 * has all it can do.
 */
export const OUTBOX_MAX = 10_000;

/** Actions of one tenant whose positions are above `after`, up to `to`. */
export interface Slice {
  azureTenantId: string;
  after: string;
  to: string;
}

/** The tenant that comes after this one in the index of positions; '' comes before all. */
export async function findNextTenant(
  database: Database,
  tenantId: string,
): Promise<string | undefined> {
  const rows: { azureTenantId: string }[] = await database.query(
    `SELECT "azureTenantId" FROM "security_action" WHERE "azureTenantId" > $1
      ORDER BY "azureTenantId" LIMIT 1`,
    [tenantId],
  );
  return rows[0]?.azureTenantId;
}

/**
 * The next actions of a tenant, at most `limit` of them. Undefined once none of these is old: what follows is
 * younger. (Not at the first that is not: positions are in log order, and one clock may have been ahead.)
 */
export async function findOldSlice(
  database: Database,
  tenantId: string,
  { after, ageMs, limit }: { after: string; ageMs: number; limit: number },
): Promise<Slice | undefined> {
  const [row]: { to: string | null; hasOld: boolean | null }[] = await database.query(OLD_SLICE, [
    tenantId,
    after,
    ageMs,
    limit,
    EVENTS_MAX,
  ]);
  return row?.to && row.hasOld ? { azureTenantId: tenantId, after, to: row.to } : undefined;
}

const old = (moment: string) => `${moment} < now() - $3 * interval '1 ms'`;

// The version is the number of events.
const OLD_SLICE = `
  SELECT max("position") AS "to", bool_or(${old('"createdDateTime"')}) AS "hasOld"
    FROM (SELECT "position", "createdDateTime", row_number() OVER way AS "place",
                 sum("version") OVER way AS "events"
            FROM (SELECT "position", "createdDateTime", "version" FROM "security_action"
                   WHERE "azureTenantId" = $1 AND "position" > $2
                   ORDER BY "position" LIMIT $4) next
          WINDOW way AS (ORDER BY "position")) next
   WHERE "place" = 1 OR "events" <= $5`;

/**
 * Locks those actions of a slice to which nothing has happened for so long, and nothing can: they have ended, none of their
 * events is still to be published, they are not to be reverted, and nothing is left of what reverted them.
 * @returns their ids
 */
export async function lockOld(
  database: Database,
  { azureTenantId, after, to }: Slice,
  ageMs: number,
): Promise<string[]> {
  const rows: { id: string }[] = await database.query(LOCK_OLD, [
    azureTenantId,
    after,
    ageMs,
    to,
    OUTBOX_MAX,
  ]);
  return rows.map(({ id }) => id);
}

/** By the key of the table, whatever Postgres expects of its size: it may have filled since it was last counted. */
const none = (rows: string) => `(SELECT true FROM ${rows} LIMIT 1) IS NULL`;

// What has ended has no work. The revert before its action: the id of a revert is derived, and one that stands would keep another of it from being made.
const LOCK_OLD = `
  WITH waiting AS MATERIALIZED (
    SELECT "azureTenantId", "actionId" FROM "outbox" ORDER BY "position" LIMIT $5
  )
  SELECT a."id" FROM "security_action" a
   WHERE a."azureTenantId" = $1 AND a."position" > $2 AND a."position" <= $4
     AND a."completedDateTime" IS NOT NULL AND ${old('a."lastActionDateTime"')}
     AND (SELECT count(*) FROM waiting) < $5
     AND NOT EXISTS (SELECT FROM waiting o
           WHERE o."azureTenantId" = a."azureTenantId" AND o."actionId" = a."id")
     AND ${none(`"security_action_revert" t
           WHERE t."azureTenantId" = a."azureTenantId" AND t."actionId" = a."id"`)}
     AND ${none(`"security_action" r
           WHERE r."azureTenantId" = a."azureTenantId" AND r."id" = a."revertedByActionId"`)}
   ORDER BY a."position" FOR UPDATE OF a SKIP LOCKED`;

/**
 * Locks the idempotency keys of locked actions.
 * @returns the actions whose key has been used since, or is being used
 */
export async function lockKeys(
  database: Database,
  tenantId: string,
  ids: string[],
  ageMs: number,
): Promise<Set<string>> {
  const rows: { actionId: string }[] = await database.query(LOCK_KEYS, [tenantId, ids, ageMs]);
  return new Set(rows.map(({ actionId }) => actionId));
}

const KEYS = `
  SELECT "actionId" FROM "idempotency_key" WHERE "azureTenantId" = $1 AND "actionId" = ANY($2::uuid[])`;

const LOCK_KEYS = `
  WITH unused AS MATERIALIZED (${KEYS} AND ${old('"usedDateTime"')} FOR UPDATE SKIP LOCKED)
  ${KEYS} EXCEPT SELECT "actionId" FROM unused`;

/**
 * Those of locked actions before which nothing stays on their target. Whether an action is to be undone depends on what was
 * done to its target after it, so as long as it could be, no later one goes.
 */
export async function withoutLaterOnes(
  database: Database,
  tenantId: string,
  ids: string[],
): Promise<string[]> {
  const rows: { id: string }[] = await database.query(WITHOUT_LATER, [tenantId, ids]);
  return rows.map(({ id }) => id);
}

// What has been reverted is never reverted again. What stays is looked for once (MATERIALIZED): else it is again for each action
// that goes, which takes a second for 500 of them.
const WITHOUT_LATER = `
  WITH going AS MATERIALIZED (
    SELECT "id", "targetKey", "position" FROM "security_action"
     WHERE "azureTenantId" = $1 AND "id" = ANY($2::uuid[])
  ),
  target AS (
    SELECT "targetKey", max("position") AS "last" FROM going WHERE "targetKey" IS NOT NULL GROUP BY 1
  ),
  staying AS MATERIALIZED (
    SELECT t."targetKey", o."position" FROM target t CROSS JOIN LATERAL (
      SELECT "position" FROM "security_action" o
       WHERE o."azureTenantId" = $1 AND o."targetKey" = t."targetKey" AND o."position" < t."last"
         AND o."revertedByActionId" IS NULL AND o."id" <> ALL($2::uuid[])
       ORDER BY o."position" LIMIT 1) o
  )
  SELECT g."id" FROM going g LEFT JOIN staying s USING ("targetKey")
   WHERE s."position" IS NULL OR g."position" < s."position"`;

/** Deletes locked actions, and whatever belongs to them. */
export async function deleteActions(
  database: Database,
  tenantId: string,
  ids: string[],
): Promise<void> {
  await database.query(DELETE, [tenantId, ids]);
}

const deleteOf = (table: string, id = 'actionId') => `
    DELETE FROM "${table}" WHERE "azureTenantId" = $1 AND "${id}" = ANY($2::uuid[])`;

const DELETE = `
  WITH event AS (${deleteOf('security_action_event')}),
  alias AS (${deleteOf('security_action_alias')}),
  key AS (${deleteOf('idempotency_key')})
  ${deleteOf('security_action', 'id')}`;
