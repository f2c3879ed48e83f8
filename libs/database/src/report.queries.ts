import type { Caller } from '#domain/caller';
import { dispatchId } from '#domain/ids';
import type { ReportEvent, ReportedAction } from '#domain/report';
import type { RevertLinks, Revertable } from '#domain/revert';
import type { ResultInfo } from '#domain/security-action';
import type { Status } from '#domain/status';
import type { ActionReference, Database } from './action-row.ts';
import { type Target, lockHeads, promoteHeads } from './targets.queries.ts';
import { recordEvents } from './record-events.ts';

/** An action whose rows are locked until the transaction ends: nobody else can change it meanwhile. */
export interface LockedAction
  extends ActionReference, ReportedAction, Revertable, Pick<RevertLinks, 'revertedByActionId'> {
  version: number;
  targetKey: string | null;
  providerKey: string;
  actionName: string;
}

/**
 * Locks an action for a change from outside (a report, a delete), in the order that everybody follows: the head of
 * its target, its work, its row. To be run in a transaction.
 * @returns undefined when there is none (any more)
 */
export async function lockAction(
  database: Database,
  { azureTenantId, actionId }: ActionReference,
): Promise<LockedAction | undefined> {
  const [found]: { targetKey: string | null }[] = await database.query(
    `SELECT "targetKey" FROM "security_action" WHERE "azureTenantId" = $1 AND "id" = $2`,
    [azureTenantId, actionId],
  );
  if (!found) return undefined;
  await lockHeads(database, targetsOf({ azureTenantId, targetKey: found.targetKey }));
  const [work]: { attemptId: string | null }[] = await database.query(
    `SELECT coalesce("acceptedAttemptId", "attemptId") AS "attemptId" FROM "security_action_work"
      WHERE "azureTenantId" = $1 AND "actionId" = $2 FOR UPDATE`,
    [azureTenantId, actionId],
  );
  const [row]: (Omit<LockedAction, 'reportedAfterwards'> & {
    reportedAfterwards: object | null;
  })[] = await database.query(
    `SELECT "status", "errorInfo", "version", "reportedAfterwards", "completedDateTime", "providerKey",
            "actionName", "revertDateTime", "revertAfter", "revertedByActionId" FROM "security_action"
      WHERE "azureTenantId" = $1 AND "id" = $2 AND "deletedDateTime" IS NULL FOR UPDATE`,
    [azureTenantId, actionId],
  );
  return (
    row && {
      ...row,
      azureTenantId,
      actionId,
      targetKey: found.targetKey,
      attemptId: work?.attemptId ?? null,
      dispatchId: dispatchId(azureTenantId, actionId),
      reportedAfterwards: row.reportedAfterwards !== null,
    }
  );
}

/** How long a provider that runs an action may stay silent about it, and what follows then. */
export interface Patience {
  reportTimeoutMs: number;
  next: 'call' | 'probe';
}

/**
 * Writes what a report made of a locked action: its event, its status, and its work if that is over. A late report that is
 * on record already is not written again: messages and requests come more than once.
 */
export async function applyReport(
  database: Database,
  action: LockedAction,
  { type, errorInfo }: ReportEvent,
  { attemptId, by, patience }: { attemptId: string | null; by: Caller; patience: Patience },
): Promise<void> {
  if (type === 'lateReport' && (await isOnRecord(database, action, { attemptId, errorInfo, by }))) {
    return;
  }
  const status = STATUS_AFTER[type];
  await database.query(CHANGE, [
    action.azureTenantId,
    action.actionId,
    type,
    status,
    errorInfo && JSON.stringify(errorInfo),
    attemptId,
    by.appId,
    by.user,
  ]);
  if (type === 'started') await awaitReport(database, action, patience);
  if (status === 'Completed' || status === 'Failed') await endWork(database, action);
}

/** Hides a locked action: it answers 404 from then on, and its id stays taken. */
export async function hideAction(
  database: Database,
  action: LockedAction,
  by: Caller,
): Promise<void> {
  const { azureTenantId, actionId } = action;
  await database.query(CHANGE, [
    azureTenantId,
    actionId,
    'deleted',
    null,
    null,
    null,
    by.appId,
    by.user,
  ]);
}

/** The first report after an unknown outcome is kept as `reportedAfterwards`, and is late as well when it is repeated. */
async function isOnRecord(
  database: Database,
  { azureTenantId, actionId }: LockedAction,
  {
    attemptId,
    errorInfo,
    by,
  }: { attemptId: string | null; errorInfo: ResultInfo | null; by: Caller },
): Promise<boolean> {
  const [found]: unknown[] = await database.query(
    `SELECT FROM "security_action_event"
      WHERE "azureTenantId" = $1 AND "actionId" = $2 AND "type" IN ('lateReport', 'reportedAfterwards')
        AND "attemptId" IS NOT DISTINCT FROM $3 AND "errorInfo" IS NOT DISTINCT FROM $4::jsonb
        AND "appId" = $5 LIMIT 1`,
    [azureTenantId, actionId, attemptId, errorInfo && JSON.stringify(errorInfo), by.appId],
  );
  return found !== undefined;
}

const STATUS_AFTER: Record<ReportEvent['type'], Status | null> = {
  started: 'Running',
  completed: 'Completed',
  failed: 'Failed',
  lateReport: null,
  reportedAfterwards: null,
};

/** Its provider runs it already: it is not dispatched, and waits for the report of its end. */
async function awaitReport(
  database: Database,
  action: LockedAction,
  { reportTimeoutMs, next }: Patience,
): Promise<void> {
  await database.query(
    `UPDATE "security_action_work"
        SET "awaitingReport" = true, "mayHaveActed" = true, "next" = $4,
            "dueDateTime" = clock_timestamp() + $3 * interval '1 ms'
      WHERE "azureTenantId" = $1 AND "actionId" = $2`,
    [action.azureTenantId, action.actionId, reportTimeoutMs, next],
  );
}

async function endWork(database: Database, action: LockedAction): Promise<void> {
  await database.query(
    `DELETE FROM "security_action_work" WHERE "azureTenantId" = $1 AND "actionId" = $2`,
    [action.azureTenantId, action.actionId],
  );
  await promoteHeads(database, targetsOf(action));
}

function targetsOf({
  azureTenantId,
  targetKey,
}: Pick<LockedAction, 'azureTenantId' | 'targetKey'>): Target[] {
  return targetKey === null ? [] : [{ azureTenantId, targetKey }];
}

// $4: the status after it, null when it stays.
const CHANGE = `
  WITH changed AS (
    UPDATE "security_action" a
       SET "version" = a."version" + 1,
           "status" = coalesce($4::text, a."status"),
           "lastActionDateTime" = greatest(now(), a."lastActionDateTime"),
           "completedDateTime" = CASE WHEN $4::text IN ('Completed', 'Failed')
             THEN greatest(now(), a."lastActionDateTime") ELSE a."completedDateTime" END,
           "errorInfo" = CASE WHEN $4::text = 'Failed' THEN $5::jsonb ELSE a."errorInfo" END,
           "reportedAfterwards" = CASE WHEN $3::text = 'reportedAfterwards' THEN
             jsonb_build_object('status', CASE WHEN $5::jsonb IS NULL THEN 'Completed' ELSE 'Failed' END,
               'errorInfo', $5::jsonb, 'appId', $7::text, 'user', $8::text,
               'dateTime', to_jsonb(greatest(now(), a."lastActionDateTime")))
             ELSE a."reportedAfterwards" END,
           "deletedDateTime" = CASE WHEN $3::text = 'deleted'
             THEN greatest(now(), a."lastActionDateTime") ELSE a."deletedDateTime" END
     WHERE a."azureTenantId" = $1 AND a."id" = $2
    RETURNING a."azureTenantId", a."id" AS "actionId", a."version", $3::text AS "type", a."status",
      $4::text IS NOT NULL AS "changedStatus", a."lastActionDateTime" AS "dateTime",
      NULL::integer AS "attempt", $6::uuid AS "attemptId", $7::text AS "appId", $8::text AS "user",
      $5::jsonb AS "errorInfo"
  ),
  ${recordEvents('changed')}
  SELECT "version" FROM changed`;
