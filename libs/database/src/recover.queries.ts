import type { Database } from './action-row.ts';
import type { ClaimReference } from './claim.queries.ts';
import { lockHeads, promoteHeads, type Target } from './targets.queries.ts';

/*
 * What a dead worker left behind, and the net under everything else. Time is Postgres's clock throughout.
 */

/**
 * An action that was claimed so often and never settled takes its workers down with it, and must end too. Above
 * the largest `attemptsMax` of a catalogue, because a worker's death is not its provider's failure.
 */
const CLAIMS_MAX = 120;

/**
 * Frees what a dead worker held and surely or harmlessly can be run again: what bears repeats, and of the rest what was
 * claimed and not sent, as if it had not been claimed.
 * @returns how many were freed
 */
export async function freeExpired(database: Database, limit: number): Promise<number> {
  const [rows]: [unknown[], number] = await database.query(
    `WITH expired AS (
       SELECT "azureTenantId", "actionId" FROM "security_action_work"
        WHERE "leaseOwner" IS NOT NULL AND "leaseUntil" < clock_timestamp()
          AND CASE WHEN "repeatable" THEN "attempt" < ${CLAIMS_MAX} ELSE "sentDateTime" IS NULL END
        ORDER BY "leaseUntil" LIMIT $1 FOR UPDATE SKIP LOCKED)
     UPDATE "security_action_work" w
        SET "leaseOwner" = NULL, "leaseUntil" = NULL, "attemptId" = NULL, "sentDateTime" = NULL,
            "dueDateTime" = now(), "mayHaveActed" = w."mayHaveActed" OR w."repeatable",
            "attempt" = w."attempt" - CASE WHEN w."repeatable" THEN 0 ELSE 1 END
       FROM expired e
      WHERE w."azureTenantId" = e."azureTenantId" AND w."actionId" = e."actionId"
     RETURNING w."actionId"`,
    [limit],
  );
  return rows.length;
}

/**
 * What a dead worker held and nobody can take further: sent to a provider that must not be asked twice, or claimed
 * too often. Locked until settled.
 */
export async function lockExpiredLost(
  database: Database,
  limit: number,
): Promise<ClaimReference[]> {
  return database.query(
    `SELECT "azureTenantId", "actionId", "attemptId" FROM "security_action_work"
      WHERE "leaseOwner" IS NOT NULL AND "leaseUntil" < clock_timestamp()
        AND CASE WHEN "repeatable" THEN "attempt" >= ${CLAIMS_MAX} ELSE "sentDateTime" IS NOT NULL END
      ORDER BY "azureTenantId", "targetKey" LIMIT $1 FOR UPDATE SKIP LOCKED`,
    [limit],
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
