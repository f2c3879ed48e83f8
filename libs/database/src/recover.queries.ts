import type { Database } from './action-row.ts';
import type { ClaimOnTarget } from './settle.queries.ts';
import { onlyThoseOf } from './held-rows.ts';
import { latestEnd } from './longest-lease.ts';
import { lockHeads, promoteHeads, type Target } from './targets.queries.ts';

/*
 * What a dead worker left behind, and the net under everything else. Time is Postgres's clock throughout.
 */

/**
 * An action that was claimed so often and never settled takes its workers down with it, and must end too. Above
 * the calls and probes that the largest `attemptsMax` of a catalogue allows, because a worker's death is not its
 * provider's failure.
 */
const CLAIMS_MAX = 220;

/** What a worker knows of the providers in its catalogue. */
export interface RecoveryKnowledge {
  known: string[];
  /** Those that can be asked what became of an action. */
  probeable: string[];
}

/**
 * What may follow when the holder of a lease is lost: nothing surely happened (`unsent`), it bears a repeat or was only
 * a question (`repeat`), its provider can be asked (`ask`), or nobody can tell any more (`lost`).
 */
const FATE = `CASE
  WHEN "attempt" + "probes" >= ${CLAIMS_MAX} THEN 'lost'
  WHEN "repeatable" OR "next" = 'probe' THEN 'repeat'
  WHEN "sentDateTime" IS NULL THEN 'unsent'
  WHEN "providerKey" = ANY($2::text[]) THEN 'ask'
  ELSE 'lost' END`;

/** What a look at the leases shows, whoever can do something about it. */
export interface LeaseLook {
  isAnyExpired: boolean;
  /** It ends later than any that is taken now can. */
  isAnyTooLong: boolean;
  /** When that was, by Postgres's clock. */
  at: Date;
}

/**
 * Looks whether any lease has expired, or cannot be so long.
 * @throws also while Postgres only reads, or lets nobody change this table: then no lease is renewed, and none of them tells
 * whether its holder lives
 */
export async function lookAtLeases(database: Database): Promise<LeaseLook> {
  const [look]: LeaseLook[] = await database.query(
    `WITH change AS (UPDATE "security_action_work" SET "leaseUntil" = "leaseUntil" WHERE false)
     SELECT now() AS "at",
            (SELECT true FROM "security_action_work"
              WHERE "leaseOwner" IS NOT NULL AND "leaseUntil" < now()
              ORDER BY "leaseUntil" LIMIT 1) IS NOT NULL AS "isAnyExpired",
            (SELECT true FROM "security_action_work"
              WHERE "leaseOwner" IS NOT NULL AND "leaseUntil" > ${latestEnd('now()')}
              ORDER BY "leaseUntil" DESC LIMIT 1) IS NOT NULL AS "isAnyTooLong"`,
  );
  return look!;
}

/** Has leases that cannot be so long end as late as any can (`latestEnd`). @returns how many */
export async function shortenLeases(database: Database, limit: number): Promise<number> {
  const [rows]: [unknown[], number] = await database.query(
    `WITH overlong AS (
       SELECT "azureTenantId", "actionId", "position" FROM "security_action_work"
        WHERE "leaseOwner" IS NOT NULL
          AND "leaseUntil" > ${latestEnd('now()')} AND "leaseUntil" > ${latestEnd()}
        ORDER BY "leaseUntil" DESC LIMIT $1 FOR UPDATE SKIP LOCKED)
     UPDATE "security_action_work" w SET "leaseUntil" = ${latestEnd()}
      WHERE ${onlyThoseOf('overlong')}
     RETURNING w."actionId"`,
    [limit],
  );
  return rows.length;
}

/** Which of the expired leases: those that had expired at a look as well, and not more than `limit`. */
export interface ExpiredBy {
  at: Date;
  limit: number;
}

/**
 * $1 is the moment of a look. By itself it would take a lease for expired that was renewed under a clock that was set back since;
 * the clock by itself, set ahead since, would do so with all of them.
 */
const EXPIRED = `"leaseOwner" IS NOT NULL AND "leaseUntil" < $1::timestamptz AND "leaseUntil" < clock_timestamp()`;

/**
 * Frees what a dead worker held and can be taken further: what bears repeats is run again, what was claimed and not sent
 * is as if it had not been claimed, and of what was sent its provider is asked.
 * @returns how many were freed
 */
export async function freeExpired(
  database: Database,
  { probeable }: RecoveryKnowledge,
  { at, limit }: ExpiredBy,
): Promise<number> {
  const [rows]: [unknown[], number] = await database.query(
    `WITH expired AS (
       SELECT "azureTenantId", "actionId", "position" FROM "security_action_work"
        WHERE ${EXPIRED} AND ${FATE} <> 'lost'
        ORDER BY "leaseUntil" LIMIT $3 FOR UPDATE SKIP LOCKED)
     UPDATE "security_action_work" w
        SET "leaseOwner" = NULL, "leaseUntil" = NULL, "attemptId" = NULL, "sentDateTime" = NULL,
            "dueDateTime" = now(),
            "mayHaveActed" = w."mayHaveActed" OR (w."next" = 'call' AND ${FATE} <> 'unsent'),
            "next" = CASE ${FATE} WHEN 'ask' THEN 'probe' ELSE w."next" END,
            "acceptedAttemptId" = CASE ${FATE} WHEN 'ask' THEN w."attemptId" ELSE w."acceptedAttemptId" END,
            "attempt" = w."attempt" - CASE ${FATE} WHEN 'unsent' THEN 1 ELSE 0 END
      WHERE ${onlyThoseOf('expired')}
     RETURNING w."actionId"`,
    [at, probeable, limit],
  );
  return rows.length;
}

/**
 * What a dead worker held and nobody can take further: sent to a provider that must not be asked twice, or claimed
 * too often. Only of providers that this worker knows: of others it cannot tell. Locked until settled.
 */
export async function lockExpiredLost(
  database: Database,
  { known, probeable }: RecoveryKnowledge,
  { at, limit }: ExpiredBy,
): Promise<ClaimOnTarget[]> {
  return database.query(
    `SELECT "azureTenantId", "actionId", "attemptId", "targetKey" FROM "security_action_work"
      WHERE ${EXPIRED} AND ${FATE} = 'lost' AND "providerKey" = ANY($4::text[])
      ORDER BY "azureTenantId", "targetKey" LIMIT $3 FOR UPDATE SKIP LOCKED`,
    [at, probeable, limit, known],
  );
}

/**
 * The net under the promotions: finds targets whose first action is not ready and makes it so. A loose index
 * scan, so that it costs a step per target, not per waiting action.
 * @returns how many became ready; anything but 0 is a bug elsewhere
 */
export async function sweepTargets(database: Database): Promise<number> {
  const targets: Target[] = await database.query(
    `WITH RECURSIVE head AS (
       (SELECT "azureTenantId", "targetKey", "ready" FROM "security_action_work"
         WHERE "targetKey" IS NOT NULL
         ORDER BY "azureTenantId", "targetKey", "position" LIMIT 1)
       UNION ALL
       SELECT next.* FROM head CROSS JOIN LATERAL (
         SELECT w."azureTenantId", w."targetKey", w."ready" FROM "security_action_work" w
          WHERE w."targetKey" IS NOT NULL
            AND (w."azureTenantId", w."targetKey") > (head."azureTenantId", head."targetKey")
          ORDER BY w."azureTenantId", w."targetKey", w."position" LIMIT 1) next)
     SELECT "azureTenantId", "targetKey" FROM head WHERE NOT "ready" LIMIT 500`,
  );
  await lockHeads(database, targets);
  return promoteHeads(database, targets);
}
