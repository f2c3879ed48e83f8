import type { EventType } from '#domain/event';
import type { ResultInfo } from '#domain/security-action';
import type { Status } from '#domain/status';
import type { Database } from './action-row.ts';
import type { ClaimReference } from './claim.queries.ts';
import { type Target, promoteHeads } from './targets.queries.ts';
import { recordEvents } from './record-events.ts';

/** How an attempt ended. */
export type Settlement = ClaimReference &
  (
    | { type: 'completed' }
    | { type: 'failed'; errorInfo: ResultInfo }
    /** Another attempt follows, not before `retryInMs`. */
    | {
        type: 'attemptFailed';
        errorInfo: ResultInfo;
        retryInMs: number;
        mayHaveActed: boolean;
      }
  );

const STATUS_AFTER: Record<Settlement['type'], Status> = {
  completed: 'Completed',
  failed: 'Failed',
  attemptFailed: 'Running',
} satisfies Partial<Record<EventType, Status>>;

/**
 * Writes how attempts ended, one event each, and makes the next action on each freed target ready. An attempt
 * that lost its lease to another (its attempt id is not on record any more) changes nothing.
 * @returns the attempt ids that counted, and how many actions became ready
 */
export async function settle(
  database: Database,
  settlements: Settlement[],
): Promise<{ settled: Set<string>; promoted: number }> {
  const rows: (Partial<Target> & { attemptId: string; type: string })[] = await database.query(
    SETTLE,
    [
      settlements.map((settlement) => settlement.azureTenantId),
      settlements.map((settlement) => settlement.actionId),
      settlements.map((settlement) => settlement.attemptId),
      settlements.map((settlement) => settlement.type),
      settlements.map((settlement) => STATUS_AFTER[settlement.type]),
      settlements.map((settlement) =>
        settlement.type === 'completed' ? null : JSON.stringify(settlement.errorInfo),
      ),
      settlements.map((settlement) =>
        settlement.type === 'attemptFailed' ? settlement.retryInMs : 0,
      ),
      settlements.map(
        (settlement) => settlement.type === 'attemptFailed' && settlement.mayHaveActed,
      ),
    ],
  );
  const freed = rows.filter(
    (row): row is Target & { attemptId: string; type: string } =>
      row.type !== 'attemptFailed' && row.targetKey != null,
  );
  const promoted = await promoteHeads(database, freed);
  return { settled: new Set(rows.map((row) => row.attemptId)), promoted };
}

// The held row is the head of its target: locking it is what `lockHeads` asks for.
const SETTLE = `
  WITH outcome AS (
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::jsonb[],
      $7::integer[], $8::boolean[])
      AS o("azureTenantId", "actionId", "attemptId", "type", "status", "errorInfo", "retryInMs",
        "mayHaveActed")
  ),
  held AS (
    SELECT o.*, w."attempt", w."targetKey" FROM outcome o
      JOIN "security_action_work" w
        ON w."azureTenantId" = o."azureTenantId" AND w."actionId" = o."actionId"
       AND w."attemptId" = o."attemptId"
     ORDER BY w."azureTenantId", w."targetKey", w."actionId"
       FOR UPDATE OF w
  ),
  ended AS (
    DELETE FROM "security_action_work" w USING held h
     WHERE w."azureTenantId" = h."azureTenantId" AND w."actionId" = h."actionId"
       AND h."type" <> 'attemptFailed'
  ),
  retried AS (
    UPDATE "security_action_work" w
       SET "leaseOwner" = NULL, "leaseUntil" = NULL, "attemptId" = NULL, "sentDateTime" = NULL,
           "mayHaveActed" = w."mayHaveActed" OR h."mayHaveActed",
           "dueDateTime" = clock_timestamp() + h."retryInMs" * interval '1 ms'
      FROM held h
     WHERE w."azureTenantId" = h."azureTenantId" AND w."actionId" = h."actionId"
       AND h."type" = 'attemptFailed'
  ),
  changed AS (
    UPDATE "security_action" a
       SET "status" = h."status", "version" = a."version" + 1,
           "lastActionDateTime" = greatest(now(), a."lastActionDateTime"),
           "completedDateTime" = CASE WHEN h."type" <> 'attemptFailed'
             THEN greatest(now(), a."lastActionDateTime") END,
           "errorInfo" = CASE WHEN h."type" = 'failed' THEN h."errorInfo" END
      FROM held h
     WHERE a."azureTenantId" = h."azureTenantId" AND a."id" = h."actionId"
    RETURNING a."azureTenantId", a."id" AS "actionId", a."version", h."type", h."status",
      h."type" <> 'attemptFailed' AS "changedStatus", a."lastActionDateTime" AS "dateTime",
      h."attempt", h."attemptId", NULL::text AS "appId", NULL::text AS "user", h."errorInfo"
  ),
  ${recordEvents('changed')}
  SELECT "azureTenantId", "targetKey", "attemptId", "type" FROM held`;
