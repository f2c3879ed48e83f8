import type { Database } from './action-row.ts';
import { plainArray, textArray } from './array-text.ts';
import { onlyThoseOf } from './held-rows.ts';
import type { Answer, Statement } from './impatient-client.ts';
import { prepared } from './prepared.ts';

/*
 * The order on a target: which of its actions is first, and so ready. Everybody who changes that goes through here.
 */

/** A target: all unfinished actions with this key run one after the other. */
export interface Target {
  azureTenantId: string;
  targetKey: string;
}

/**
 * Locks the first unfinished action of each target. Whoever adds to a target or ends one of its actions does
 * this first, so that no two can miss each other and leave a target with nobody ready. Always in the order of
 * tenant and key: no two can wait for each other either.
 *
 * Premise: never do two transactions with different messages add to one target at once. An empty target has no row to
 * lock, so each would take its own action for the first: both would be ready and run at the same time, and nothing
 * would find that afterwards (`sweepTargets` looks for targets with nobody ready). The premise holds because only the
 * ingest adds; because all commands of a target are in one partition of `commands` (`commandKey`), in one cluster; and
 * because one worker of the group reads a partition. A worker that was taken for dead may still store while its
 * successor does: both begin with the same message, and the second waits for the first one's row. It ceases to hold if
 * `commands` is given more partitions before it is drained, or if two clusters or consumer groups feed one database.
 */
export async function lockHeads(database: Database, targets: Target[]): Promise<void> {
  if (targets.length === 0) return;
  await database.query(LOCK, targetArrays(targets));
}

/**
 * Makes the first unfinished action of each target ready. Whoever added to a target or ended one of its actions holds the
 * lock of its head by now; to look at others changes nothing. This must be a statement of its own: only a fresh snapshot shows what the former holder of the lock has committed.
 *
 * One that ends without being the head, as `settle` may end what its provider took back while it waited for its turn,
 * does not hold the lock of the head. So what is found here may end at the same moment: whoever waited for that looks
 * again. The other one found the head still there, and left the rest to whoever ends that.
 * @returns how many became ready
 */
export async function promoteHeads(database: Database, targets: Target[]): Promise<number> {
  if (targets.length === 0) return 0;
  const { text, values } = promotion(targets);
  return promotedBy(await database.query(text, values), database, targets);
}

/** The statement of `promoteHeads`, to be sent along with others. What it answers is for `promotedBy`. */
export function promotion(targets: Target[]): Statement {
  return { text: PROMOTE, values: targetArrays(targets) };
}

/**
 * The same where the transaction ends with it: if a further look is called for, it fails as a conflict, and the transaction is to
 * be run again (`retryingConflicts`).
 */
export function lastPromotion(targets: Target[]): Statement {
  return { text: LAST_PROMOTE, values: targetArrays(targets) };
}

/** @returns how many became ready, in a further look if one was called for */
export async function promotedBy(
  rows: Answer['rows'],
  database: Database,
  targets: Target[],
): Promise<number> {
  const { found, promoted } = rows[0] as { found: number; promoted: number };
  return promoted < found ? promoted + (await promoteHeads(database, targets)) : promoted;
}

const TARGETS = `SELECT DISTINCT * FROM unnest($1::text[], $2::uuid[]) AS u("azureTenantId", "targetKey")
  ORDER BY 1, 2`;

const LOCK = prepared(`
  SELECT head."actionId" FROM (${TARGETS}) t CROSS JOIN LATERAL (
    SELECT w."actionId" FROM "security_action_work" w
     WHERE w."azureTenantId" = t."azureTenantId" AND w."targetKey" = t."targetKey"
     ORDER BY w."position" LIMIT 1 FOR UPDATE) head`);

// What is found is locked in the order of its targets before it is changed: an update alone would lock in that of an index.
const PROMOTION = `
  WITH head AS (
    SELECT h.* FROM (${TARGETS}) t CROSS JOIN LATERAL (
      SELECT w."azureTenantId", w."actionId", w."ready" FROM "security_action_work" w
       WHERE w."azureTenantId" = t."azureTenantId" AND w."targetKey" = t."targetKey"
       ORDER BY w."position" LIMIT 1) h
     WHERE NOT h."ready"
  ),
  locked AS (
    SELECT w.* FROM head CROSS JOIN LATERAL (
      SELECT w."azureTenantId", w."actionId", w."position" FROM "security_action_work" w
       WHERE w."azureTenantId" = head."azureTenantId" AND w."actionId" = head."actionId" LIMIT 1 FOR UPDATE) w
  ),
  promoted AS (
    UPDATE "security_action_work" w SET "ready" = true WHERE ${onlyThoseOf('locked')}
    RETURNING w."actionId"
  ),
  counted AS (
    SELECT (SELECT count(*)::integer FROM head) AS "found",
           (SELECT count(*)::integer FROM promoted) AS "promoted"
  )`;

const PROMOTE = prepared(`${PROMOTION} SELECT "found", "promoted" FROM counted`);

const LAST_PROMOTE = prepared(`${PROMOTION}
  SELECT "promoted", CASE WHEN "promoted" < "found" THEN "raise_look_again"() END FROM counted`);

function targetArrays(targets: Target[]): [string, string] {
  return [
    textArray(targets.map((target) => target.azureTenantId)),
    plainArray(targets.map((target) => target.targetKey)),
  ];
}
