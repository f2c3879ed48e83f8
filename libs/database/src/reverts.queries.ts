import { FAILURE_CODES } from '#domain/errors';
import type { NewerAction, RevertLinks, Revertable } from '#domain/revert';
import { type ActionReference, type Database, keyOfAction } from './action-row.ts';
import type { SecurityActionEntity } from './entities/security-action.entity.ts';
import { prepared } from './prepared.ts';

/*
 * The timers of actions that are to be undone by themselves. The row of the action is locked before its timer is
 * changed, by everybody; whoever looks for due ones skips what is locked, and so waits for nobody.
 */

/** A timer to look at, and its action: both locked until the transaction ends. */
export interface LookedAt extends ActionReference, Revertable, RevertLinks {
  /** The database's clock when it was read. */
  now: Date;
  /** Set when its command was about to be published, by this worker or by one that is gone. */
  requestedDateTime: Date | null;
  /** What the command of the revert is made of. */
  row: Pick<
    SecurityActionEntity,
    | 'appId'
    | 'user'
    | 'clientContext'
    | 'parameters'
    | 'vendorInformation'
    | 'targetKey'
    | 'providerKey'
    | 'actionName'
    | 'position'
  >;
}

/** Whether there is a timer that is to be looked at by now, of these providers. It may be locked by another worker. */
export async function areTimersDue(database: Database, providerKeys: string[]): Promise<boolean> {
  const rows: unknown[] = await database.query(ARE_TIMERS_DUE, [providerKeys]);
  return rows.length > 0;
}

/** By `now()`, which an index can be searched for: there may be years of timers behind the one that is due. */
const ARE_TIMERS_DUE = prepared(`
  SELECT FROM unnest($1::text[]) AS known("providerKey") CROSS JOIN LATERAL (
    SELECT FROM "security_action_revert" t
     WHERE t."providerKey" = known."providerKey" AND t."lookDateTime" <= now()
     ORDER BY t."lookDateTime" LIMIT 1) due LIMIT 1`);

/** Locks up to `limit` timers that are to be looked at by now, of providers that the worker knows. */
export async function lockTimers(
  database: Database,
  providerKeys: string[],
  limit: number,
): Promise<LookedAt[]> {
  const rows: (Omit<LookedAt, 'row'> & LookedAt['row'])[] = await database.query(
    `SELECT t.* FROM unnest($1::text[]) AS known("providerKey") CROSS JOIN LATERAL (
       SELECT t."azureTenantId", t."actionId", t."lookDateTime", t."requestedDateTime",
              clock_timestamp() AS "now", a."status", a."errorInfo", a."completedDateTime",
              a."revertDateTime", a."revertAfter", a."revertsActionId", a."revertedByActionId",
              a."appId", a."user", a."clientContext", a."parameters", a."vendorInformation",
              a."targetKey", a."providerKey", a."actionName", a."position"
         FROM "security_action_revert" t
         JOIN "security_action" a
           ON a."azureTenantId" = t."azureTenantId" AND a."id" = t."actionId"
        WHERE t."providerKey" = known."providerKey" AND t."lookDateTime" <= clock_timestamp()
        ORDER BY t."lookDateTime" LIMIT $2 FOR UPDATE OF t, a SKIP LOCKED) t
      ORDER BY t."lookDateTime" LIMIT $2`,
    [providerKeys, limit],
  );
  return rows.map((row) => ({ ...row, row }));
}

/** Workers that know the provider look each REVERT_INTERVAL_MS, a second at most: what has waited so long is looked at by nobody. */
const OVERDUE_MS = 60_000;

/** How many timers should have been looked at a minute ago and were not, whichever provider they are of. */
export async function countOverdueTimers(database: Database): Promise<number> {
  const [row]: { count: number }[] = await database.query(
    `SELECT count(*)::integer AS "count" FROM "security_action_revert"
      WHERE "lookDateTime" < clock_timestamp() - $1 * interval '1 ms'`,
    [OVERDUE_MS],
  );
  return row!.count;
}

/** When a due timer whose revert the catalogue has lost is looked at again: the file may be mended. */
export const LOOK_WAITING_MS = 60_000;

/**
 * The timers of ended actions that will be looked at within `LOOK_WAITING_MS`, by action: those that have lost their revert
 * are always among them. The others are there for the last minute before they are due.
 */
export async function countWaitingTimers(
  database: Database,
): Promise<{ providerKey: string; actionName: string; count: number }[]> {
  return database.query(
    `SELECT a."providerKey", a."actionName", count(*)::integer AS "count"
       FROM "security_action_revert" t
       JOIN "security_action" a ON a."azureTenantId" = t."azureTenantId" AND a."id" = t."actionId"
      WHERE t."lookDateTime" >= clock_timestamp() - $1 * interval '1 ms'
        AND t."lookDateTime" < clock_timestamp() + $2 * interval '1 ms'
        AND a."completedDateTime" IS NOT NULL
      GROUP BY 1, 2`,
    [OVERDUE_MS, LOOK_WAITING_MS],
  );
}

/** What stands: it was not Failed, or it may have acted all the same. */
const STANDS = `(n."status" <> 'Failed' OR (n."errorInfo"->>'code')::integer = ${FAILURE_CODES.outcomeUnknown})`;

/**
 * What of the newer actions on the targets of these takes their place: the same action once more, or their revert
 * made by hand. The oldest such one each.
 * @param revertNames what reverts each, in the order of `actions`
 */
export async function findNewer(
  database: Database,
  actions: LookedAt[],
  revertNames: string[],
): Promise<Map<string, NewerAction>> {
  if (actions.length === 0) return new Map();
  const rows: (ActionReference & NewerAction)[] = await database.query(
    `SELECT i."azureTenantId", i."actionId", newer.* FROM unnest($1::text[], $2::uuid[], $3::uuid[],
         $4::bigint[], $5::text[], $6::text[])
       AS i("azureTenantId", "actionId", "targetKey", "position", "actionName", "revertName")
     CROSS JOIN LATERAL (
       SELECT n."id", n."actionName" AS "name" FROM "security_action" n
        WHERE n."azureTenantId" = i."azureTenantId" AND n."targetKey" = i."targetKey"
          AND n."position" > i."position" AND ${STANDS}
          AND (n."actionName" = i."actionName"
               OR (n."actionName" = i."revertName" AND n."revertsActionId" IS NULL))
        ORDER BY n."position" LIMIT 1) newer`,
    [
      actions.map((action) => action.azureTenantId),
      actions.map((action) => action.actionId),
      actions.map(({ row }) => row.targetKey),
      actions.map(({ row }) => row.position),
      actions.map(({ row }) => row.actionName),
      revertNames,
    ],
  );
  return new Map(rows.map((row) => [keyOfAction(row), { id: row.id, name: row.name }]));
}

/**
 * Of reverts that were stored a moment ago in the same transaction those that something newer than what they undo
 * has overtaken: it was in the log before them, and not stored yet when their timers were judged.
 */
export async function findOvertaken(
  database: Database,
  reverts: ActionReference[],
): Promise<(ActionReference & { newer: NewerAction })[]> {
  if (reverts.length === 0) return [];
  return database.query(
    `SELECT r."azureTenantId", r."id" AS "actionId", newer."newer"
       FROM unnest($1::text[], $2::uuid[]) AS i("azureTenantId", "actionId")
       JOIN "security_action" r ON r."azureTenantId" = i."azureTenantId" AND r."id" = i."actionId"
       JOIN "security_action" o
         ON o."azureTenantId" = r."azureTenantId" AND o."id" = r."revertsActionId"
      CROSS JOIN LATERAL (
        SELECT jsonb_build_object('id', n."id", 'name', n."actionName") AS "newer"
          FROM "security_action" n
         WHERE n."azureTenantId" = r."azureTenantId" AND n."targetKey" = r."targetKey"
           AND n."position" > o."position" AND n."position" < r."position" AND ${STANDS}
           AND (n."actionName" = o."actionName"
                OR (n."actionName" = r."actionName" AND n."revertsActionId" IS NULL))
         ORDER BY n."position" LIMIT 1) newer`,
    [reverts.map((revert) => revert.azureTenantId), reverts.map((revert) => revert.actionId)],
  );
}

/** When locked timers are looked at again. */
export async function postpone(
  database: Database,
  timers: (ActionReference & { until: Date })[],
): Promise<void> {
  if (timers.length === 0) return;
  await database.query(
    `UPDATE "security_action_revert" t SET "lookDateTime" = i."until"
       FROM unnest($1::text[], $2::uuid[], $3::timestamptz[]) AS i("azureTenantId", "actionId", "until")
      WHERE t."azureTenantId" = i."azureTenantId" AND t."actionId" = i."actionId"`,
    [
      timers.map((timer) => timer.azureTenantId),
      timers.map((timer) => timer.actionId),
      timers.map((timer) => timer.until),
    ],
  );
}

/**
 * Puts on record that the commands of these reverts are about to be published; from now on nobody can stop them. The
 * moment is kept from an earlier try, and so a repeated command is the same to the last byte.
 * @returns the moments, by `keyOfAction`
 */
export async function markRequested(
  database: Database,
  timers: ActionReference[],
  repeatAfterMs: number,
): Promise<Map<string, Date>> {
  if (timers.length === 0) return new Map();
  const [rows]: [(ActionReference & { requestedDateTime: Date })[], number] = await database.query(
    `UPDATE "security_action_revert" t
        SET "requestedDateTime" = coalesce(t."requestedDateTime", clock_timestamp()),
            "lookDateTime" = clock_timestamp() + $3 * interval '1 ms'
       FROM unnest($1::text[], $2::uuid[]) AS i("azureTenantId", "actionId")
      WHERE t."azureTenantId" = i."azureTenantId" AND t."actionId" = i."actionId"
     RETURNING t."azureTenantId", t."actionId", t."requestedDateTime"`,
    [
      timers.map((timer) => timer.azureTenantId),
      timers.map((timer) => timer.actionId),
      repeatAfterMs,
    ],
  );
  return new Map(rows.map((row) => [keyOfAction(row), row.requestedDateTime]));
}
