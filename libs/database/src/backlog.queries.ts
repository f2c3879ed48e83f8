import type { Database } from './action-row.ts';

/** Why an action has not ended; see `security_actions_unfinished` in docs/operations.md. */
export const UNFINISHED_STATES = ['waiting', 'leased', 'retry', 'report'] as const;

/** What is left to do, as one moment shows it. Ages in seconds, 0 when there is nothing of the kind. */
export interface Backlog {
  unfinished: Record<(typeof UNFINISHED_STATES)[number], number>;
  oldestNotStartedSeconds: number;
  oldestRunningSeconds: number;
  standingHolds: number;
  outboxEvents: number;
  outboxOldestSeconds: number;
}

/**
 * What is read of each kind to find the oldest: a little more than one, because an action that was given back uncalled
 * looks as if it had not been started, and only its row tells.
 */
const CANDIDATES_MAX = 100;

/** Counts what is left to do, of all tenants. Walks the unfinished actions, never the ended ones. */
export async function readBacklog(database: Database): Promise<Backlog> {
  const [row]: Backlog[] = await database.query(BACKLOG);
  return row!;
}

const STATE = `CASE
  WHEN "leaseOwner" IS NOT NULL THEN 'leased'
  WHEN "awaitingReport" THEN 'report'
  WHEN "attempt" > 0 OR "probes" > 0 OR "mayHaveActed" OR "unavailableSince" IS NOT NULL THEN 'retry'
  ELSE 'waiting' END`;

const oldest = (condition: string) => `
  (SELECT "azureTenantId", "actionId" FROM "security_action_work"
    WHERE ${STATE} ${condition} 'waiting' ORDER BY "position" LIMIT ${CANDIDATES_MAX})`;

const ageOf = (status: string) => `
  coalesce(extract(epoch FROM now() - min(a."createdDateTime")
    FILTER (WHERE a."status" = '${status}')), 0)::float8`;

const BACKLOG = `
  SELECT
    (SELECT jsonb_object_agg(s."state", coalesce(c."count", 0))
       FROM unnest(ARRAY['${UNFINISHED_STATES.join("', '")}']) AS s("state")
       LEFT JOIN (SELECT ${STATE} AS "state", count(*) FROM "security_action_work" GROUP BY 1) c
         USING ("state")) AS "unfinished",
    age.*,
    (SELECT count(*)::integer FROM "hold" WHERE "releasedDateTime" IS NULL) AS "standingHolds",
    (SELECT count(*)::integer FROM "outbox") AS "outboxEvents",
    coalesce((SELECT extract(epoch FROM now() - e."dateTime")::float8
       FROM (SELECT * FROM "outbox" ORDER BY "position" LIMIT 1) o
       JOIN "security_action_event" e
         ON e."azureTenantId" = o."azureTenantId" AND e."actionId" = o."actionId"
        AND e."sequence" = o."sequence"), 0) AS "outboxOldestSeconds"
  FROM (
    SELECT greatest(0, ${ageOf('NotStarted')}) AS "oldestNotStartedSeconds",
           greatest(0, ${ageOf('Running')}) AS "oldestRunningSeconds"
      FROM (${oldest('=')} UNION ALL ${oldest('<>')}) w
      JOIN "security_action" a
        ON a."azureTenantId" = w."azureTenantId" AND a."id" = w."actionId"
  ) age`;
