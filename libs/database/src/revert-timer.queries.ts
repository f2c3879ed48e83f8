import type { Caller } from '#domain/caller';
import type { EventType } from '#domain/event';
import type { TimedAction, TimerVerdict } from '#domain/revert-change';
import type { ResultInfo } from '#domain/security-action';
import type { ActionReference, Database } from './action-row.ts';
import { recordEvents, revertState } from './record-events.ts';

/*
 * Changes of a timer, each an event of its action. The row of the action is locked first, by everybody.
 */

/** The timer of a locked action, locked as well. */
export async function lockTimer(
  database: Database,
  { azureTenantId, actionId }: ActionReference,
): Promise<TimedAction['timer']> {
  const [timer]: { requestedDateTime: Date | null }[] = await database.query(
    `SELECT "requestedDateTime" FROM "security_action_revert"
      WHERE "azureTenantId" = $1 AND "actionId" = $2 FOR UPDATE`,
    [azureTenantId, actionId],
  );
  if (!timer) return 'none';
  return timer.requestedDateTime === null ? 'pending' : 'requested';
}

/** Sets, moves or stops the timer of a locked action. */
export async function changeTimer(
  database: Database,
  { azureTenantId, actionId, providerKey }: ActionReference & { providerKey: string },
  { type, revertDateTime }: Extract<TimerVerdict, { kind: 'event' }>,
  by: Caller,
): Promise<void> {
  await database.query(CHANGE, [azureTenantId, actionId, type, revertDateTime, by.appId, by.user]);
  if (revertDateTime === null) {
    await database.query(
      `DELETE FROM "security_action_revert" WHERE "azureTenantId" = $1 AND "actionId" = $2`,
      [azureTenantId, actionId],
    );
    return;
  }
  await database.query(
    `INSERT INTO "security_action_revert" ("azureTenantId", "actionId", "providerKey", "lookDateTime")
     VALUES ($1, $2, $3, now())
     ON CONFLICT ("azureTenantId", "actionId") DO UPDATE SET "lookDateTime" = now()`,
    [azureTenantId, actionId, providerKey],
  );
}

const CHANGE = `
  WITH changed AS (
    UPDATE "security_action" a
       SET "version" = a."version" + 1,
           "lastActionDateTime" = greatest(now(), a."lastActionDateTime"),
           "revertDateTime" = $4::timestamptz, "revertAfter" = NULL
     WHERE a."azureTenantId" = $1 AND a."id" = $2
    RETURNING a."azureTenantId", a."id" AS "actionId", a."version", $3::text AS "type", a."status",
      false AS "changedStatus", a."lastActionDateTime" AS "dateTime", NULL::integer AS "attempt",
      NULL::uuid AS "attemptId", $5::text AS "appId", $6::text AS "user", NULL::jsonb AS "errorInfo",
      ${revertState('a')} AS "revert"
  ),
  ${recordEvents('changed', { withRevert: true })}
  SELECT "version" FROM changed`;

/** How a timer ends. */
export type TimerEnd = ActionReference &
  (
    | { type: 'revertRequested'; revertedByActionId: string }
    | {
        type: Extract<EventType, 'revertSuperseded' | 'revertDropped'>;
        reason: ResultInfo;
      }
  );

/** Ends timers, each with an event; one that is gone already changes nothing. To be run in a transaction. */
export async function endTimers(database: Database, ends: TimerEnd[]): Promise<void> {
  if (ends.length === 0) return;
  const references = [
    ends.map((end) => end.azureTenantId),
    ends.map((end) => end.actionId),
  ] as const;
  await database.query(
    `SELECT FROM "security_action" a
       JOIN unnest($1::text[], $2::uuid[]) AS i("azureTenantId", "actionId")
         ON a."azureTenantId" = i."azureTenantId" AND a."id" = i."actionId"
      ORDER BY a."azureTenantId", a."id" FOR UPDATE OF a`,
    [...references],
  );
  await database.query(END, [
    ...references,
    ends.map((end) => end.type),
    ends.map((end) => (end.type === 'revertRequested' ? end.revertedByActionId : null)),
    ends.map((end) => (end.type === 'revertRequested' ? null : JSON.stringify(end.reason))),
  ]);
}

// What was reverted keeps its time, as a record; what will not be says no more that it will.
const END = `
  WITH input AS (
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[], $5::jsonb[])
      AS i("azureTenantId", "actionId", "type", "revertedByActionId", "errorInfo")
  ),
  ended AS (
    DELETE FROM "security_action_revert" t USING input i
     WHERE t."azureTenantId" = i."azureTenantId" AND t."actionId" = i."actionId"
    RETURNING i.*
  ),
  changed AS (
    UPDATE "security_action" a
       SET "version" = a."version" + 1,
           "lastActionDateTime" = greatest(now(), a."lastActionDateTime"),
           "revertedByActionId" = e."revertedByActionId",
           "revertDateTime" = CASE WHEN e."revertedByActionId" IS NOT NULL THEN a."revertDateTime" END,
           "revertAfter" = CASE WHEN e."revertedByActionId" IS NOT NULL THEN a."revertAfter" END
      FROM ended e
     WHERE a."azureTenantId" = e."azureTenantId" AND a."id" = e."actionId"
    RETURNING a."azureTenantId", a."id" AS "actionId", a."version", e."type", a."status",
      false AS "changedStatus", a."lastActionDateTime" AS "dateTime", NULL::integer AS "attempt",
      NULL::uuid AS "attemptId", NULL::text AS "appId", NULL::text AS "user", e."errorInfo",
      ${revertState('a')} AS "revert"
  ),
  ${recordEvents('changed', { withRevert: true })}
  SELECT "actionId" FROM changed`;
