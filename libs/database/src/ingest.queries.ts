import type { ReadCommand } from '#domain/command';
import type { ActionReference, Database } from './action-row.ts';
import { recordEvents, revertState } from './record-events.ts';

/** An action that was not there before. */
export interface InsertedAction extends ActionReference {
  targetKey: string | null;
  /** Set when a timer made it. */
  revertsActionId: string | null;
}

/**
 * Stores new actions in the given order, with their first event and their work; what is stored already stays
 * as it is. None with a target is ready yet: see `promoteHeads`, which must follow in the same transaction.
 */
export async function insertActions(
  database: Database,
  commands: ReadCommand[],
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
    commands.map((command) => command.action.revertDateTime ?? null),
    commands.map((command) => command.action.revertAfter ?? null),
    commands.map((command) => command.action.revertsActionId ?? null),
    commands.map((command) => command.traceparent ?? null),
    commands.map((command) => command.isResend ?? false),
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
      $16::timestamptz[], $17::timestamptz[], $18::text[], $19::uuid[], $20::text[], $21::boolean[]
    ) WITH ORDINALITY AS t("azureTenantId", "actionId", "providerKey", "actionName", "targetKey", "name",
      "actionReason", "appId", "user", "clientContext", "clientRequestId", "resendKey", "parameters",
      "vendorInformation", "properties", "acceptedDateTime", "revertDateTime", "revertAfter",
      "revertsActionId", "traceparent", "isResend", "ordinal")
  ),
  inserted AS (
    INSERT INTO "security_action" ("azureTenantId", "id", "version", "status", "providerKey",
      "actionName", "targetKey", "name", "actionReason", "appId", "user", "clientContext",
      "clientRequestId", "resendKey", "parameters", "vendorInformation", "properties",
      "revertDateTime", "revertAfter", "revertsActionId", "createdDateTime", "lastActionDateTime",
      "traceparent", "isResend")
    SELECT "azureTenantId", "actionId", 1, 'NotStarted', "providerKey",
      "actionName", "targetKey", "name", "actionReason", "appId", "user", "clientContext",
      "clientRequestId", "resendKey", "parameters", "vendorInformation", "properties",
      "revertDateTime", "revertAfter", "revertsActionId", "acceptedDateTime", "acceptedDateTime",
      "traceparent", "isResend"
    FROM input ORDER BY "ordinal"
    ON CONFLICT DO NOTHING
    RETURNING "azureTenantId", "id" AS "actionId", "version", 'created' AS "type", "status",
      true AS "changedStatus", "createdDateTime" AS "dateTime", NULL::integer AS "attempt",
      NULL::uuid AS "attemptId", "appId", "user", NULL::jsonb AS "errorInfo",
      "position", "providerKey", "actionName", "targetKey", "revertsActionId",
      CASE WHEN num_nonnulls("revertDateTime", "revertAfter") > 0 THEN ${revertState('"security_action"')} END AS "revert"
  ),
  ${recordEvents('inserted', { withRevert: true })},
  timer AS (
    INSERT INTO "security_action_revert" ("azureTenantId", "actionId", "providerKey", "lookDateTime")
    SELECT "azureTenantId", "actionId", "providerKey", now() FROM inserted WHERE "revert" IS NOT NULL
  ),
  work AS (
    INSERT INTO "security_action_work"
      ("azureTenantId", "actionId", "position", "providerKey", "actionName", "targetKey", "ready",
       "dueDateTime", "acceptedDateTime")
    SELECT "azureTenantId", "actionId", "position", "providerKey", "actionName", "targetKey",
      "targetKey" IS NULL, now(), "dateTime"
    FROM inserted
  )
  SELECT "azureTenantId", "actionId", "targetKey", "revertsActionId" FROM inserted`;
