import type { Caller } from '#domain/caller';
import { FAILURE_CODES } from '#domain/errors';
import type { Database } from './action-row.ts';
import { lockHeads, promoteHeads } from './ingest.queries.ts';
import { recordEvents } from './record-events.ts';

/**
 * Cancels an action that has not started, or was claimed and given back uncalled (then it is Running, with no
 * attempt). Taking the work row decides: either this deletes it and no worker can ever claim it, or a claim came
 * first and this changes nothing. To be run in a transaction.
 * @returns whether it was cancelled
 */
export async function cancelNotStarted(
  database: Database,
  caller: Caller,
  id: string,
): Promise<boolean> {
  const work: { targetKey: string | null }[] = await database.query(
    `SELECT "targetKey" FROM "security_action_work"
      WHERE "azureTenantId" = $1 AND "actionId" = $2 AND "attempt" = 0`,
    [caller.tenantId, id],
  );
  const row = work[0];
  if (!row) return false;
  const targets =
    row.targetKey === null ? [] : [{ azureTenantId: caller.tenantId, targetKey: row.targetKey }];
  if (targets.length > 0) await lockHeads(database, targets);
  const cancelled: unknown[] = await database.query(CANCEL, [
    caller.tenantId,
    id,
    caller.appId,
    caller.user,
    JSON.stringify({ code: FAILURE_CODES.cancelled, message: 'Cancelled.', subcode: 0 }),
  ]);
  if (targets.length > 0) await promoteHeads(database, targets);
  return cancelled.length > 0;
}

const CANCEL = `
  WITH taken AS (
    DELETE FROM "security_action_work"
     WHERE "azureTenantId" = $1 AND "actionId" = $2 AND "attempt" = 0 AND "leaseOwner" IS NULL
    RETURNING "azureTenantId", "actionId"
  ),
  cancelled AS (
    UPDATE "security_action" a
       SET "status" = 'Failed', "version" = a."version" + 1, "errorInfo" = $5::jsonb,
           "lastActionDateTime" = greatest(now(), a."lastActionDateTime"),
           "completedDateTime" = greatest(now(), a."lastActionDateTime")
      FROM taken t
     WHERE a."azureTenantId" = t."azureTenantId" AND a."id" = t."actionId"
    RETURNING a."azureTenantId", a."id" AS "actionId", a."version", 'cancelled' AS "type",
      a."status", true AS "changedStatus", a."lastActionDateTime" AS "dateTime",
      NULL::integer AS "attempt", NULL::uuid AS "attemptId", $3::text AS "appId", $4::text AS "user",
      a."errorInfo"
  ),
  ${recordEvents('cancelled')}
  SELECT "actionId" FROM cancelled`;
