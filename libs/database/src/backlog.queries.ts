import type { Database } from './action-row.ts';

/** Why an action has not ended; see `security_actions_unfinished` in docs/operations.md. */
export const UNFINISHED_STATES = ['waiting', 'leased', 'retry', 'report'] as const;

/** What is left to do, as one moment shows it. Ages in seconds, 0 when there is nothing of the kind. */
export interface Backlog {
  unfinished: Record<(typeof UNFINISHED_STATES)[number], number>;
  oldestNotStartedSeconds: number;
  oldestRunningSeconds: number;
  standingHolds: number;
  /** By the positions that are taken: a few too many where a transaction took some and was rolled back. */
  outboxEvents: number;
  outboxOldestSeconds: number;
}

/** Measures what is left to do, of all tenants. Walks the unfinished actions once, and never the ended ones. */
export async function readBacklog(database: Database): Promise<Backlog> {
  const [row]: Backlog[] = await database.query(BACKLOG);
  return row!;
}

/** `repeatable` is set by the first claim and stays: `waiting` is what is NotStarted, everything else is Running. */
const STATE = `CASE
  WHEN "leaseOwner" IS NOT NULL THEN 'leased'
  WHEN "awaitingReport" THEN 'report'
  WHEN "repeatable" IS NULL THEN 'waiting'
  ELSE 'retry' END`;

const ageSince = (moment: string) =>
  `coalesce(greatest(0, extract(epoch FROM now() - ${moment})), 0)::float8`;

const BACKLOG = `
  WITH unfinished AS (
    SELECT ${STATE} AS "state", count(*) AS "count", min("acceptedDateTime") AS "oldest"
      FROM "security_action_work" GROUP BY 1
  )
  SELECT
    (SELECT jsonb_object_agg(s."state", coalesce(u."count", 0))
       FROM unnest(ARRAY['${UNFINISHED_STATES.join("', '")}']) AS s("state")
       LEFT JOIN unfinished u USING ("state")) AS "unfinished",
    ${ageSince(`(SELECT "oldest" FROM unfinished WHERE "state" = 'waiting')`)}
      AS "oldestNotStartedSeconds",
    ${ageSince(`(SELECT min("oldest") FROM unfinished WHERE "state" <> 'waiting')`)}
      AS "oldestRunningSeconds",
    (SELECT count(*)::integer FROM "hold" WHERE "releasedDateTime" IS NULL) AS "standingHolds",
    (SELECT coalesce(max("position") - min("position") + 1, 0)::float8 FROM "outbox")
      AS "outboxEvents",
    ${ageSince(`(SELECT e."dateTime"
       FROM (SELECT * FROM "outbox" ORDER BY "position" LIMIT 1) o
       JOIN "security_action_event" e
         ON e."azureTenantId" = o."azureTenantId" AND e."actionId" = o."actionId"
        AND e."sequence" = o."sequence")`)} AS "outboxOldestSeconds"`;
