import type { Database } from './action-row.ts';
import { prepared } from './prepared.ts';

/** What may wait for a worker without a signal: somebody else has written it, or its time has come. */
export interface Waiting {
  /** Work to claim; or so much that waits for its time that it takes a claim to tell. */
  work: boolean;
  /** Cancels on record. */
  cancels: boolean;
  /** Events to relay. */
  events: boolean;
}

export type WaitingKind = keyof Waiting;

/** Free work that is looked at to tell whether any is due: with less of it, nothing is claimed in vain. */
const FREE_WORK_MAX = 100;

/**
 * Whether anything waits, of the kinds that are asked for; the others are false. Of anybody's, also of providers that this
 * worker does not know. Nearly always nothing does, so each kind is a step in an index: what it is sorted by (an EXISTS would
 * leave that out) makes sure that it is the one that is looked into, and neither that of leases, which is full of what has just
 * ended, nor all of a table.
 */
export async function findWaiting(
  database: Database,
  kinds: ReadonlySet<WaitingKind>,
): Promise<Waiting> {
  const asked = (['work', 'cancels', 'events'] as const).map((kind) => kinds.has(kind));
  const [waiting]: Waiting[] = await database.query(FIND_WAITING, asked);
  return waiting!;
}

const FIND_WAITING = prepared(`
  SELECT CASE WHEN $1::boolean THEN (
           SELECT count(*) FILTER (WHERE "dueDateTime" <= now()) > 0 OR count(*) = ${FREE_WORK_MAX}
             FROM (SELECT w."dueDateTime" FROM "security_action_work" w
                    WHERE w."ready" AND w."leaseOwner" IS NULL
                    ORDER BY w."providerKey", w."azureTenantId", w."actionName" LIMIT ${FREE_WORK_MAX}) free
         ) ELSE false END AS "work",
         CASE WHEN $2::boolean THEN (
           SELECT true FROM "security_action_work" w WHERE w."cancelRequestedDateTime" IS NOT NULL
            ORDER BY w."cancelRequestedDateTime" LIMIT 1) IS NOT NULL ELSE false END AS "cancels",
         CASE WHEN $3::boolean THEN (
           SELECT true FROM "outbox" o ORDER BY o."position" LIMIT 1) IS NOT NULL ELSE false END AS "events"`);
