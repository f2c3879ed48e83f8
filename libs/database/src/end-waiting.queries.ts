import type { Caller } from '#domain/caller';
import { FAILURE_CODES } from '#domain/errors';
import type { EventType } from '#domain/event';
import type { ResultInfo } from '#domain/security-action';
import type { ActionReference, Database } from './action-row.ts';
import { lockHeads, promoteHeads } from './targets.queries.ts';
import { recordEvents } from './record-events.ts';

/**
 * Cancels an action that is not with its provider and surely had no effect: not claimed yet, or between two calls
 * of which none can have acted. To be run in a transaction.
 * @returns whether it was cancelled
 */
export async function cancelWaiting(
  database: Database,
  caller: Caller,
  id: string,
): Promise<boolean> {
  const reference = { azureTenantId: caller.tenantId, actionId: id };
  const errorInfo = { code: FAILURE_CODES.cancelled, message: 'Cancelled.', subcode: 0 };
  return endWaiting(database, reference, { type: 'cancelled', errorInfo, by: caller });
}

/** Ends an action that was stored a moment ago in the same transaction, and must not be run. */
export async function failUnrun(
  database: Database,
  reference: ActionReference,
  errorInfo: ResultInfo,
): Promise<void> {
  await endWaiting(database, reference, { type: 'failed', errorInfo, by: null });
}

interface End {
  type: Extract<EventType, 'cancelled' | 'failed'>;
  errorInfo: ResultInfo;
  /** Who ends it; null: the service itself. */
  by: Caller | null;
}

/**
 * Taking the work row decides: either this deletes it and no worker can ever claim it, or a claim came first and
 * this changes nothing.
 */
async function endWaiting(
  database: Database,
  { azureTenantId, actionId }: ActionReference,
  { type, errorInfo, by }: End,
): Promise<boolean> {
  const [work]: { targetKey: string | null }[] = await database.query(
    `SELECT "targetKey" FROM "security_action_work"
      WHERE "azureTenantId" = $1 AND "actionId" = $2 AND ${MAY_END}`,
    [azureTenantId, actionId],
  );
  if (!work) return false;
  const targets = work.targetKey === null ? [] : [{ azureTenantId, targetKey: work.targetKey }];
  await lockHeads(database, targets);
  const ended: unknown[] = await database.query(END, [
    azureTenantId,
    actionId,
    by?.appId ?? null,
    by?.user ?? null,
    JSON.stringify(errorInfo),
    type,
  ]);
  await promoteHeads(database, targets);
  return ended.length > 0;
}

const MAY_END = `"leaseOwner" IS NULL AND NOT "mayHaveActed"`;

const END = `
  WITH taken AS (
    DELETE FROM "security_action_work"
     WHERE "azureTenantId" = $1 AND "actionId" = $2 AND ${MAY_END}
    RETURNING "azureTenantId", "actionId"
  ),
  ended AS (
    UPDATE "security_action" a
       SET "status" = 'Failed', "version" = a."version" + 1, "errorInfo" = $5::jsonb,
           "lastActionDateTime" = greatest(now(), a."lastActionDateTime"),
           "completedDateTime" = greatest(now(), a."lastActionDateTime")
      FROM taken t
     WHERE a."azureTenantId" = t."azureTenantId" AND a."id" = t."actionId"
    RETURNING a."azureTenantId", a."id" AS "actionId", a."version", $6::text AS "type",
      a."status", true AS "changedStatus", a."lastActionDateTime" AS "dateTime",
      NULL::integer AS "attempt", NULL::uuid AS "attemptId", $3::text AS "appId", $4::text AS "user",
      a."errorInfo"
  ),
  ${recordEvents('ended')}
  SELECT "actionId" FROM ended`;
