import type { ActionReference, Database } from './action-row.ts';
import type { Claim } from './claim.queries.ts';
import { lockHeldRows, onlyThoseOf } from './held-rows.ts';

/*
 * What the holder of claims does with them between the claim and the settlement. Each statement is fenced by the
 * attempt id: what was taken over meanwhile stays as it is.
 */

/** What fences a change to a claimed action. */
export type ClaimReference = Pick<Claim, 'azureTenantId' | 'actionId' | 'attemptId'>;

/**
 * Puts on record, right before the calls, that these attempts are about to be sent.
 * @returns the attempt ids that still hold their lease; the others must not be called
 */
export async function markSent(database: Database, claims: ClaimReference[]): Promise<Set<string>> {
  return changeHeld(
    database,
    claims,
    '"sentDateTime" = clock_timestamp()',
    'AND w."leaseUntil" > clock_timestamp() AND w."cancelRequestedDateTime" IS NULL',
  );
}

/**
 * Extends the leases of attempts under way.
 * @returns the attempt ids that are still on record; the others were taken over
 */
export async function renewLeases(
  database: Database,
  claims: ClaimReference[],
  leaseMs: number,
): Promise<Set<string>> {
  return changeHeld(database, claims, leaseOf(leaseMs));
}

/**
 * The same of those that nobody has locked: one lock that is not let go must not cost the others their leases.
 * @returns the attempt ids whose leases were extended, and those that are on record and were passed over
 */
export async function renewUnlocked(
  database: Database,
  claims: ClaimReference[],
  leaseMs: number,
): Promise<{ renewed: Set<string>; locked: Set<string> }> {
  const rows: { attemptId: string; renewed: boolean }[] = await database.query(
    `WITH held AS (${lockHeldRows('', undefined, 'SKIP LOCKED')}),
     changed AS (
       UPDATE "security_action_work" w SET ${leaseOf(leaseMs)} WHERE ${onlyThoseOf('held')} RETURNING w."attemptId")
     SELECT w."attemptId", EXISTS (SELECT FROM changed c WHERE c."attemptId" = w."attemptId") AS "renewed"
       FROM "security_action_work" w
      WHERE w."azureTenantId" = ANY($1::text[]) AND w."actionId" = ANY($2::uuid[])
        AND w."attemptId" = ANY($3::uuid[])`,
    idsOf(claims),
  );
  const [renewed, locked] = [true, false].map(
    (isRenewed) =>
      new Set(rows.flatMap((row) => (row.renewed === isRenewed ? [row.attemptId] : []))),
  );
  return { renewed: renewed!, locked: locked! };
}

/** Gives back what was claimed and surely not sent, as if it had not been claimed. */
export async function releaseClaims(database: Database, claims: ClaimReference[]): Promise<void> {
  await changeHeld(
    database,
    claims,
    `"leaseOwner" = NULL, "leaseUntil" = NULL, "attemptId" = NULL, "sentDateTime" = NULL,
     "attempt" = w."attempt" - CASE WHEN w."next" = 'call' THEN 1 ELSE 0 END,
     "probes" = w."probes" - CASE WHEN w."next" = 'probe' THEN 1 ELSE 0 END,
     "dueDateTime" = now()`,
  );
}

/** Which of these actions have not ended. */
export async function findUnfinished(
  database: Database,
  references: ActionReference[],
): Promise<ActionReference[]> {
  return database.query(
    `SELECT w."azureTenantId", w."actionId"
       FROM unnest($1::text[], $2::uuid[]) AS r("azureTenantId", "actionId")
       JOIN "security_action_work" w USING ("azureTenantId", "actionId")`,
    [
      references.map(({ azureTenantId }) => azureTenantId),
      references.map(({ actionId }) => actionId),
    ],
  );
}

/** @returns the attempt ids that are on record with the change */
async function changeHeld(
  database: Database,
  claims: ClaimReference[],
  change: string,
  condition = '',
): Promise<Set<string>> {
  const rows: { attemptId: string }[] = await database.query(
    `WITH held AS (${lockHeldRows(condition)}),
     changed AS (
       UPDATE "security_action_work" w SET ${change} WHERE ${onlyThoseOf('held')} RETURNING w."attemptId")
     SELECT "attemptId" FROM changed WHERE "attemptId" IS NOT NULL`,
    idsOf(claims),
  );
  return new Set(rows.map((row) => row.attemptId));
}

const leaseOf = (leaseMs: number) =>
  `"leaseUntil" = clock_timestamp() + ${Number(leaseMs)} * interval '1 ms'`;

const idsOf = (claims: ClaimReference[]) => [
  claims.map((claim) => claim.azureTenantId),
  claims.map((claim) => claim.actionId),
  claims.map((claim) => claim.attemptId),
];
