/**
 * Two CTEs that write one event, and one place in the outbox, for each row of the CTE `source`, those of one action in their
 * order. To be part of the statement that changes the actions, so that a change without its event cannot be.
 *
 * `source` gives azureTenantId, actionId, version, type, status, changedStatus, dateTime, attempt, attemptId,
 * appId, user and errorInfo, and `revert` if it says so. Its rows are locked by then, which is what orders the outbox per action.
 * A source that is to know the places of its events takes them itself (`NEXT_POSITION`) and gives them as `position`.
 */
export const recordEvents = (source: string, { withRevert = false, withPosition = false } = {}) => `
  event AS (
    INSERT INTO "security_action_event" ("azureTenantId", "actionId", "sequence", "type", "status",
      "changedStatus", "dateTime", "attempt", "attemptId", "appId", "user", "errorInfo", "revert")
    SELECT "azureTenantId", "actionId", "version", "type", "status",
      "changedStatus", "dateTime", "attempt", "attemptId", "appId", "user", "errorInfo",
      ${withRevert ? '"revert"' : 'NULL::jsonb'}
    FROM ${source}
  ),
  outboxed AS (
    INSERT INTO "outbox" ("azureTenantId", "actionId", "sequence"${withPosition ? ', "position"' : ''})
    ${withPosition ? 'OVERRIDING SYSTEM VALUE' : ''}
    SELECT "azureTenantId", "actionId", "version"${withPosition ? ', "position"' : ''}
    FROM ${source} ORDER BY ${withPosition ? '"position"' : '"version"'}
  )`;

/** The next place in the outbox. Whoever takes it has locked the action, and takes one after the other. */
export const NEXT_POSITION = `nextval('outbox_position_seq')`;

/** What the row of an action in `table` says about its revert, as an event keeps it. */
export const revertState = (table: string) => `jsonb_build_object(
  'revertDateTime', ${table}."revertDateTime", 'revertAfter', ${table}."revertAfter",
  'revertedByActionId', ${table}."revertedByActionId")`;
