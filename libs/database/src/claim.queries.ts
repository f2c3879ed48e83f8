import type { SecurityAction } from '#domain/security-action';
import {
  type ActionReference,
  type ActionRow,
  type Database,
  actionColumns,
  toSecurityAction,
} from './action-row.ts';
import { recordEvents } from './record-events.ts';

/** An action that this worker, and for the length of its lease only this worker, may run. */
export interface Claim extends ActionReference {
  providerKey: string;
  /** The fencing token. */
  attemptId: string;
  attempt: number;
  /** An earlier attempt may have acted. */
  mayHaveActed: boolean;
  /** The resource as the provider is to see it. */
  action: SecurityAction;
}

/** Calls that a worker has room for: by provider, and in all. */
export interface ClaimRoom {
  byProvider: ReadonlyMap<string, number>;
  total: number;
  /** The providers that bear repeats. */
  repeatable: ReadonlySet<string>;
}

/**
 * Takes ready and due work under a lease, oldest due first. It is on record as Running, with its attempt id,
 * when the transaction commits; no provider may be called before.
 */
export async function claimWork(
  database: Database,
  room: ClaimRoom,
  lease: { owner: string; leaseMs: number },
): Promise<Claim[]> {
  const claimed: Omit<Claim, 'action'>[] = await database.query(CLAIM, [
    [...room.byProvider.keys()],
    [...room.byProvider.values()],
    room.total,
    lease.owner,
    lease.leaseMs,
    [...room.repeatable],
  ]);
  if (claimed.length === 0) return [];
  const actions = await findActions(database, claimed);
  return claimed.map((claim) => ({ ...claim, action: actions.get(keyOf(claim))! }));
}

const CLAIM = `
  WITH picked AS (
    SELECT w.* FROM unnest($1::text[], $2::integer[]) AS room("providerKey", "slots")
    CROSS JOIN LATERAL (
      SELECT w."azureTenantId", w."actionId", w."dueDateTime", w."position"
        FROM "security_action_work" w
       WHERE w."providerKey" = room."providerKey"
         AND w."ready" AND w."leaseOwner" IS NULL AND NOT w."awaitingReport"
         AND w."dueDateTime" <= now()
       ORDER BY w."dueDateTime", w."position" LIMIT room."slots" FOR UPDATE SKIP LOCKED) w
    ORDER BY w."dueDateTime", w."position" LIMIT $3
  ),
  leased AS (
    UPDATE "security_action_work" w
       SET "leaseOwner" = $4, "leaseUntil" = clock_timestamp() + $5 * interval '1 ms',
           "attempt" = w."attempt" + 1, "attemptId" = gen_random_uuid(), "sentDateTime" = NULL,
           "repeatable" = w."providerKey" = ANY($6::text[])
      FROM picked p
     WHERE w."azureTenantId" = p."azureTenantId" AND w."actionId" = p."actionId"
    RETURNING w."azureTenantId", w."actionId", w."providerKey", w."attempt", w."attemptId",
      w."mayHaveActed"
  ),
  started AS (
    UPDATE "security_action" a
       SET "status" = 'Running', "version" = a."version" + 1,
           "lastActionDateTime" = greatest(now(), a."lastActionDateTime")
      FROM leased l
     WHERE a."azureTenantId" = l."azureTenantId" AND a."id" = l."actionId"
       AND a."status" = 'NotStarted'
    RETURNING a."azureTenantId", a."id" AS "actionId", a."version", 'started' AS "type", a."status",
      true AS "changedStatus", a."lastActionDateTime" AS "dateTime", l."attempt", l."attemptId",
      NULL::text AS "appId", NULL::text AS "user", NULL::jsonb AS "errorInfo"
  ),
  ${recordEvents('started')}
  SELECT * FROM leased`;

/** An id says nothing beyond its tenant. */
function keyOf({ azureTenantId, actionId }: ActionReference): string {
  return JSON.stringify([azureTenantId, actionId]);
}

/** The resources of claimed actions, by `keyOf`. */
async function findActions(
  database: Database,
  references: ActionReference[],
): Promise<Map<string, SecurityAction>> {
  const rows: ActionRow[] = await database.query(
    `SELECT ${actionColumns()} FROM unnest($1::text[], $2::uuid[]) AS r("azureTenantId", "actionId")
       JOIN "security_action" a
         ON a."azureTenantId" = r."azureTenantId" AND a."id" = r."actionId"`,
    [
      references.map((reference) => reference.azureTenantId),
      references.map((reference) => reference.actionId),
    ],
  );
  return new Map(
    rows.map((row) => [
      keyOf({ azureTenantId: row.azureTenantId, actionId: row.id }),
      toSecurityAction(row),
    ]),
  );
}

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
    'AND w."leaseUntil" > clock_timestamp()',
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
  return changeHeld(
    database,
    claims,
    `"leaseUntil" = clock_timestamp() + ${Number(leaseMs)} * interval '1 ms'`,
  );
}

/** Gives back what was claimed and surely not sent, as if it had not been claimed. */
export async function releaseClaims(database: Database, claims: ClaimReference[]): Promise<void> {
  await changeHeld(
    database,
    claims,
    `"leaseOwner" = NULL, "leaseUntil" = NULL, "attemptId" = NULL, "sentDateTime" = NULL,
     "attempt" = w."attempt" - 1, "dueDateTime" = now()`,
  );
}

/** Locks in the order that every multi-row lock on this table follows, so that none waits in a circle. */
async function changeHeld(
  database: Database,
  claims: ClaimReference[],
  change: string,
  condition = '',
): Promise<Set<string>> {
  const [rows]: [{ attemptId: string }[], number] = await database.query(
    `WITH held AS (
       SELECT w."azureTenantId", w."actionId", w."attemptId"
         FROM unnest($1::text[], $2::uuid[], $3::uuid[])
           AS c("azureTenantId", "actionId", "attemptId")
         JOIN "security_action_work" w
           ON w."azureTenantId" = c."azureTenantId" AND w."actionId" = c."actionId"
          AND w."attemptId" = c."attemptId" ${condition}
        ORDER BY w."azureTenantId", w."targetKey", w."actionId" FOR UPDATE OF w)
     UPDATE "security_action_work" w SET ${change}
       FROM held
      WHERE w."azureTenantId" = held."azureTenantId" AND w."actionId" = held."actionId"
     RETURNING held."attemptId"`,
    [
      claims.map((claim) => claim.azureTenantId),
      claims.map((claim) => claim.actionId),
      claims.map((claim) => claim.attemptId),
    ],
  );
  return new Set(rows.map((row) => row.attemptId));
}
