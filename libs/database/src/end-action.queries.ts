import type { Caller } from '#domain/caller';
import type { EventType } from '#domain/event';
import type { ResultInfo } from '#domain/security-action';
import type { ActionReference, Database } from './action-row.ts';
import { recordEvents } from './record-events.ts';

/** How an action ends without an outcome of its provider. */
export interface End {
  type: Extract<EventType, 'cancelled' | 'failed'>;
  errorInfo: ResultInfo;
  /** Who ends it; null: the service itself. */
  by: Caller | null;
}

/**
 * Ends an action as Failed, and with it all that was left to do. The caller holds the lock of its work row, and makes the
 * next on the target ready afterwards.
 */
export async function endAction(
  database: Database,
  { azureTenantId, actionId }: ActionReference,
  { type, errorInfo, by }: End,
): Promise<void> {
  await database.query(END, [
    azureTenantId,
    actionId,
    by?.appId ?? null,
    by?.user ?? null,
    JSON.stringify(errorInfo),
    type,
  ]);
}

const END = `
  WITH taken AS (
    DELETE FROM "security_action_work" WHERE "azureTenantId" = $1 AND "actionId" = $2
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
