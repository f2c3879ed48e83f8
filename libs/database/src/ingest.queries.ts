import type { CreateCommand } from '#domain/command';
import type { ActionReference, Database } from './action-row.ts';
import { recordEvents } from './record-events.ts';

/** An action that was not there before. */
export interface InsertedAction extends ActionReference {
  targetKey: string | null;
}

/**
 * Stores new actions in the given order, with their first event and their work; what is stored already stays
 * as it is. None with a target is ready yet: see `promoteHeads`, which must follow in the same transaction.
 */
export async function insertActions(
  database: Database,
  commands: CreateCommand[],
): Promise<InsertedAction[]> {
  return database.query(INSERT, [
    commands.map((command) => command.caller.tenantId),
    commands.map((command) => command.action.id),
    commands.map((command) => command.provider.key),
    commands.map((command) => command.provider.action),
    commands.map((command) => command.targetKey),
    commands.map((command) => command.action.name),
    commands.map((command) => command.action.actionReason),
    commands.map((command) => command.caller.appId),
    commands.map((command) => command.caller.user),
    commands.map((command) => command.action.clientContext),
    commands.map((command) => command.clientRequestId),
    commands.map((command) => command.resendKey),
    commands.map((command) => JSON.stringify(command.action.parameters)),
    commands.map((command) => JSON.stringify(command.action.vendorInformation)),
    commands.map((command) => JSON.stringify(command.action.properties)),
    commands.map((command) => command.acceptedDateTime),
  ]);
}

/*
 * The positions are taken row by row in the order of the input (the sort is below the default), and only once
 * the row before has passed its conflict check. So of two workers with the same messages, as when one is taken
 * for dead and is not, none can number a later command below an earlier one.
 */
const INSERT = `
  WITH input AS (
    SELECT * FROM unnest(
      $1::text[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[],
      $9::text[], $10::text[], $11::text[], $12::uuid[], $13::jsonb[], $14::jsonb[], $15::jsonb[],
      $16::timestamptz[]
    ) WITH ORDINALITY AS t("azureTenantId", "actionId", "providerKey", "actionName", "targetKey", "name",
      "actionReason", "appId", "user", "clientContext", "clientRequestId", "resendKey", "parameters",
      "vendorInformation", "properties", "acceptedDateTime", "ordinal")
  ),
  inserted AS (
    INSERT INTO "security_action" ("azureTenantId", "id", "version", "status", "providerKey",
      "actionName", "targetKey", "name", "actionReason", "appId", "user", "clientContext",
      "clientRequestId", "resendKey", "parameters", "vendorInformation", "properties",
      "createdDateTime", "lastActionDateTime")
    SELECT "azureTenantId", "actionId", 1, 'NotStarted', "providerKey",
      "actionName", "targetKey", "name", "actionReason", "appId", "user", "clientContext",
      "clientRequestId", "resendKey", "parameters", "vendorInformation", "properties",
      "acceptedDateTime", "acceptedDateTime"
    FROM input ORDER BY "ordinal"
    ON CONFLICT DO NOTHING
    RETURNING "azureTenantId", "id" AS "actionId", "version", 'created' AS "type", "status",
      true AS "changedStatus", "createdDateTime" AS "dateTime", NULL::integer AS "attempt",
      NULL::uuid AS "attemptId", "appId", "user", NULL::jsonb AS "errorInfo",
      "position", "providerKey", "targetKey"
  ),
  ${recordEvents('inserted')},
  work AS (
    INSERT INTO "security_action_work"
      ("azureTenantId", "actionId", "position", "providerKey", "targetKey", "ready", "dueDateTime")
    SELECT "azureTenantId", "actionId", "position", "providerKey", "targetKey",
      "targetKey" IS NULL, now()
    FROM inserted
  )
  SELECT "azureTenantId", "actionId", "targetKey" FROM inserted`;

/** A target: all unfinished actions with this key run one after the other. */
export interface Target {
  azureTenantId: string;
  targetKey: string;
}

/**
 * Locks the first unfinished action of each target. Whoever adds to a target or ends one of its actions does
 * this first, so that no two can miss each other and leave a target with nobody ready. Always in the order of
 * tenant and key: no two can wait for each other either. Two that add to one target at once would not be told apart;
 * there are never two, because a target is one partition, and a worker that was taken for dead and its successor
 * begin with the same message, for which the second waits.
 */
export async function lockHeads(database: Database, targets: Target[]): Promise<void> {
  if (targets.length === 0) return;
  await database.query(
    `SELECT head."actionId" FROM (${TARGETS}) t CROSS JOIN LATERAL (
       SELECT w."actionId" FROM "security_action_work" w
        WHERE w."azureTenantId" = t."azureTenantId" AND w."targetKey" = t."targetKey"
        ORDER BY w."position" LIMIT 1 FOR UPDATE) head`,
    targetArrays(targets),
  );
}

/**
 * Makes the first unfinished action of each target ready. The targets' heads must be locked, and this must be a
 * statement of its own: only a fresh snapshot shows what the former holder of the lock has committed.
 * @returns how many became ready
 */
export async function promoteHeads(database: Database, targets: Target[]): Promise<number> {
  if (targets.length === 0) return 0;
  const [rows]: [unknown[], number] = await database.query(
    `UPDATE "security_action_work" w SET "ready" = true
       FROM (${TARGETS}) t CROSS JOIN LATERAL (
         SELECT h."azureTenantId", h."actionId", h."ready" FROM "security_action_work" h
          WHERE h."azureTenantId" = t."azureTenantId" AND h."targetKey" = t."targetKey"
          ORDER BY h."position" LIMIT 1) head
      WHERE w."azureTenantId" = head."azureTenantId" AND w."actionId" = head."actionId"
        AND NOT head."ready"
      RETURNING w."actionId"`,
    targetArrays(targets),
  );
  return rows.length;
}

const TARGETS = `SELECT DISTINCT * FROM unnest($1::text[], $2::uuid[]) AS u("azureTenantId", "targetKey")
  ORDER BY 1, 2`;

function targetArrays(targets: Target[]): [string[], string[]] {
  return [targets.map((target) => target.azureTenantId), targets.map((target) => target.targetKey)];
}
