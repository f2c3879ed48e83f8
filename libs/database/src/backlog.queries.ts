import type { DataSource } from 'typeorm';
import type { ImpatientClient } from './impatient-client.ts';
import { CLIENT_GRACE_MS } from './data-source.ts';

/**
 * Far above DATABASE_STATEMENT_TIMEOUT_MS: nobody waits for this answer, and it takes longest when there is most left to do,
 * which is when it is wanted.
 */
const BACKLOG_TIMEOUT_MS = 30_000;

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

/**
 * Measures what is left to do, of all tenants. Walks the unfinished actions once, and never the ended ones.
 * @param signal ends it early, and with it the connection
 */
export async function readBacklog(dataSource: DataSource, signal: AbortSignal): Promise<Backlog> {
  return dataSource.transaction('READ COMMITTED', async (manager) => {
    await manager.query(`SET LOCAL statement_timeout = ${BACKLOG_TIMEOUT_MS}`);
    const client: ImpatientClient = await manager.queryRunner!.connect();
    const giveUp = () => client.giveUp();
    signal.addEventListener('abort', giveUp);
    try {
      signal.throwIfAborted();
      // Past the manager, which cannot say how long the client is to wait.
      const query = { text: BACKLOG, query_timeout: BACKLOG_TIMEOUT_MS + CLIENT_GRACE_MS };
      const { rows }: { rows: Backlog[] } = await client.query(query);
      return rows[0]!;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  });
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
