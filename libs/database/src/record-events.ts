/**
 * Two CTEs that write one event, and one place in the outbox, for each row of the CTE `source`. To be part of the
 * statement that changes the actions, so that a change without its event cannot be.
 *
 * `source` gives azureTenantId, actionId, version, type, status, changedStatus, dateTime, attempt, attemptId,
 * appId, user and errorInfo. Its rows are locked by then, which is what orders the outbox per action.
 */
export const recordEvents = (source: string) => `
  event AS (
    INSERT INTO "security_action_event" ("azureTenantId", "actionId", "sequence", "type", "status",
      "changedStatus", "dateTime", "attempt", "attemptId", "appId", "user", "errorInfo")
    SELECT "azureTenantId", "actionId", "version", "type", "status",
      "changedStatus", "dateTime", "attempt", "attemptId", "appId", "user", "errorInfo"
    FROM ${source}
  ),
  outboxed AS (
    INSERT INTO "outbox" ("azureTenantId", "actionId", "sequence")
    SELECT "azureTenantId", "actionId", "version" FROM ${source}
  )`;
