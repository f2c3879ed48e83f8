import type { Caller } from '#domain/caller';
import { FAILURE_CODES } from '#domain/errors';
import type { ActionReference, Database } from './action-row.ts';
import { LEASED, leasePicked, type Claim, type ClaimLease, takeClaims } from './claim.queries.ts';
import { endAction } from './end-action.queries.ts';
import type { SecurityActionWorkEntity } from './entities/security-action-work.entity.ts';
import { recordEvents } from './record-events.ts';
import { type Target, lockHeads, promoteHeads } from './targets.queries.ts';

/** What became of a wish to cancel. */
export type CancelDecision =
  /** Ended; no call had an effect, and none will be made. */
  | 'prevented'
  /** On record: its provider is asked to take it back, and no further call is made. */
  | 'requested'
  /** Ended with its outcome unknown: an earlier call may have acted, and no further one is made. */
  | 'stopped'
  /** It is with its provider, which cannot take it back: unchanged. */
  | 'withProvider'
  /** There is nothing left to cancel. */
  | 'ended';

/**
 * Cancels an action of the caller's tenant, as far as that can still be done. Whoever holds the lock of the work row
 * decides: a claim passes by what is locked here, and what is claimed is seen here. To be run in a transaction.
 * @param canTakeBack whether its provider can be asked to take a call back
 */
export async function cancelAction(
  database: Database,
  caller: Caller,
  id: string,
  { canTakeBack }: { canTakeBack: boolean },
): Promise<CancelDecision> {
  const reference = { azureTenantId: caller.tenantId, actionId: id };
  const targets = await targetsOf(database, reference);
  await lockHeads(database, targets);
  const work = await lockWork(database, reference);
  if (!work) return 'ended';
  const decision = decide(work, canTakeBack);
  if (decision === 'requested') await requestCancel(database, reference, caller);
  if (decision === 'prevented' || decision === 'stopped') {
    await endAction(database, reference, { ...END[decision], by: caller });
    await promoteHeads(database, targets);
  }
  return decision;
}

type Work = Pick<
  SecurityActionWorkEntity,
  'leaseOwner' | 'repeatable' | 'sentDateTime' | 'next' | 'mayHaveActed' | 'awaitingReport'
>;

const END = {
  prevented: {
    type: 'cancelled',
    errorInfo: { code: FAILURE_CODES.cancelled, message: 'Cancelled.', subcode: 0 },
  },
  stopped: {
    type: 'failed',
    errorInfo: {
      code: FAILURE_CODES.outcomeUnknown,
      message:
        'Outcome unknown: cancelled between two calls, and the earlier one may have had its effect.',
      subcode: 0,
    },
  },
} as const;

function decide(work: Work, canTakeBack: boolean): CancelDecision {
  const isFree = work.leaseOwner === null;
  // What must be marked as sent before it is called, and is not, will not be: the mark does not find it any more.
  const isUnsent = work.next === 'call' && work.repeatable === false && work.sentDateTime === null;
  if (!work.mayHaveActed && (isFree || isUnsent)) return 'prevented';
  if (canTakeBack) return 'requested';
  return isFree && !work.awaitingReport ? 'stopped' : 'withProvider';
}

async function targetsOf(
  database: Database,
  { azureTenantId, actionId }: ActionReference,
): Promise<Target[]> {
  const [work]: { targetKey: string | null }[] = await database.query(
    `SELECT "targetKey" FROM "security_action_work" WHERE "azureTenantId" = $1 AND "actionId" = $2`,
    [azureTenantId, actionId],
  );
  return work?.targetKey ? [{ azureTenantId, targetKey: work.targetKey }] : [];
}

async function lockWork(
  database: Database,
  { azureTenantId, actionId }: ActionReference,
): Promise<Work | undefined> {
  const [work]: Work[] = await database.query(
    `SELECT "leaseOwner", "repeatable", "sentDateTime", "next", "mayHaveActed", "awaitingReport"
       FROM "security_action_work" WHERE "azureTenantId" = $1 AND "actionId" = $2 FOR UPDATE`,
    [azureTenantId, actionId],
  );
  return work;
}

/** The first wish is an event; another changes nothing. */
async function requestCancel(
  database: Database,
  { azureTenantId, actionId }: ActionReference,
  by: Caller,
): Promise<void> {
  await database.query(REQUEST, [azureTenantId, actionId, by.appId, by.user]);
}

const REQUEST = `
  WITH requested AS (
    UPDATE "security_action_work"
       SET "cancelRequestedDateTime" = clock_timestamp(), "probes" = 0,
           "dueDateTime" = least("dueDateTime", now())
     WHERE "azureTenantId" = $1 AND "actionId" = $2 AND "cancelRequestedDateTime" IS NULL
    RETURNING "azureTenantId", "actionId", "attempt", "attemptId"
  ),
  changed AS (
    UPDATE "security_action" a
       SET "version" = a."version" + 1,
           "lastActionDateTime" = greatest(now(), a."lastActionDateTime")
      FROM requested r
     WHERE a."azureTenantId" = r."azureTenantId" AND a."id" = r."actionId"
    RETURNING a."azureTenantId", a."id" AS "actionId", a."version", 'cancelRequested' AS "type",
      a."status", false AS "changedStatus", a."lastActionDateTime" AS "dateTime",
      r."attempt", r."attemptId", $3::text AS "appId", $4::text AS "user", NULL::jsonb AS "errorInfo"
  ),
  ${recordEvents('changed')}
  SELECT "version" FROM changed`;

/** The attempts of this worker that somebody wants taken back. */
export async function findCancelRequests(database: Database, owner: string): Promise<string[]> {
  const rows: { attemptId: string }[] = await database.query(
    `SELECT "attemptId" FROM "security_action_work"
      WHERE "cancelRequestedDateTime" IS NOT NULL AND "leaseOwner" = $1`,
    [owner],
  );
  return rows.map(({ attemptId }) => attemptId);
}

/**
 * Takes, under a lease, what somebody wants stopped and nobody holds. Holds do not cover it: to take something back is
 * not to dispatch it.
 * @param room how many of each provider that this worker knows; the oldest first
 */
export async function claimCancels(
  database: Database,
  { room, repeatable }: { room: ReadonlyMap<string, number>; repeatable: ReadonlySet<string> },
  lease: ClaimLease,
): Promise<Claim[]> {
  const { claims } = await takeClaims(database, CLAIM_CANCELS, { ...lease, repeatable }, [
    [...room.keys()],
    [...room.values()],
  ]);
  return claims;
}

const CLAIM_CANCELS = `
  WITH picked AS (
    SELECT w.*, 1 AS "turn"
      FROM unnest($4::text[], $5::integer[]) AS room("providerKey", "places")
     CROSS JOIN LATERAL (
       SELECT "azureTenantId", "actionId", "position" FROM "security_action_work"
        WHERE "cancelRequestedDateTime" IS NOT NULL AND "leaseOwner" IS NULL AND "dueDateTime" <= now()
          AND "providerKey" = room."providerKey"
        ORDER BY "cancelRequestedDateTime" LIMIT room."places" FOR UPDATE SKIP LOCKED) w
  ),
  ${leasePicked("'probe'")}
  ${LEASED}, NULL AS "cutOffAt"`;
