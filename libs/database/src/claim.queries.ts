import type { SecurityAction } from '#domain/security-action';
import {
  type ActionReference,
  type ActionRow,
  type Database,
  actionColumns,
  keyOfAction,
  toSecurityAction,
} from './action-row.ts';
import { onlyThoseOf } from './held-rows.ts';
import { shareHoldGuard } from './hold-guard.queries.ts';
import { prepared } from './prepared.ts';
import { recordEvents } from './record-events.ts';
import { standingHold } from './standing-hold.ts';

/** An action that this worker, and for the length of its lease only this worker, may run. */
export interface Claim extends ActionReference {
  providerKey: string;
  /** As the catalogue spells it; '' for rows of a release that did not keep it. */
  actionName: string;
  /** Equal for all actions on one target; null if it has none. */
  targetKey: string | null;
  /** The fencing token. */
  attemptId: string;
  /** Calls so far, this one included if it is one. */
  attempt: number;
  /** What it was claimed for: to call the provider, or to ask what became of the last call. */
  next: 'call' | 'probe';
  /** Probes so far, this one included if it is one. */
  probes: number;
  /** An earlier attempt may have acted. */
  mayHaveActed: boolean;
  /** Its provider has taken it over, and has not reported its end in time. */
  awaitingReport: boolean;
  /** For how long its provider could not be asked at all; null if it could. */
  unavailableMs: number | null;
  /** The trace that it belongs to. */
  traceparent: string | null;
  /** The resource as the provider is to see it. */
  action: SecurityAction;
}

/** Calls that a worker has room for: by provider, and in all. */
export interface ClaimRoom {
  byProvider: ReadonlyMap<string, number>;
  total: number;
  /** The providers that bear repeats. */
  repeatable: ReadonlySet<string>;
  /** By provider, after whom the next turn begins. Each claim moves it on. */
  turns: Map<string, Turn>;
}

/** A tenant, or if it has a name, its actions of that name. */
interface Turn {
  azureTenantId: string;
  actionName: string | null;
}

/** Who claims, and for how long a claim holds without being renewed. */
export interface ClaimLease {
  owner: string;
  leaseMs: number;
}

/**
 * Takes ready and due work under a lease, tenant by tenant in turn and oldest first within one; nothing that a hold
 * covers. It is on record as Running, with its attempt id, when the transaction commits; no provider may be called
 * before. To be run in a READ COMMITTED transaction.
 * @returns the claims in the order in which tenants had their turn
 */
export async function claimWork(
  database: Database,
  room: ClaimRoom,
  lease: ClaimLease,
): Promise<Claim[]> {
  await shareHoldGuard(database);
  const keys = [...room.byProvider.keys()];
  const { claims, cutOffAt } = await takeClaims(
    database,
    CLAIM,
    { ...lease, repeatable: room.repeatable },
    [
      keys,
      [...room.byProvider.values()],
      keys.map((key) => room.turns.get(key)?.azureTenantId ?? ''),
      keys.map((key) => room.turns.get(key)?.actionName ?? null),
      room.total,
    ],
  );
  for (const [key, slots] of room.byProvider) {
    const taken = claims.filter(({ providerKey }) => providerKey === key);
    const last = taken.at(-1);
    const isFull = taken.length >= slots || claims.length >= room.total;
    // All that could be served so far was: the next claim goes on where this one did not look any further.
    if (!isFull && cutOffAt[key]) room.turns.set(key, cutOffAt[key]);
    else if (last) room.turns.set(key, { azureTenantId: last.azureTenantId, actionName: null });
  }
  return claims;
}

/**
 * Runs a statement that leases work by `leasePicked` and ends with `LEASED`, and finds the resources of what it leased.
 * @param parameters those of the statement itself, from $4 on
 */
export async function takeClaims(
  database: Database,
  statement: string,
  { owner, leaseMs, repeatable }: ClaimLease & Pick<ClaimRoom, 'repeatable'>,
  parameters: unknown[],
): Promise<{ claims: Claim[]; cutOffAt: Record<string, Turn> }> {
  const [row]: {
    leased: Omit<Claim, 'action' | 'traceparent'>[] | null;
    cutOffAt: Record<string, Turn> | null;
  }[] = await database.query(statement, [owner, leaseMs, [...repeatable], ...parameters]);
  const { leased, cutOffAt } = row!;
  const actions = await findActions(database, leased ?? []);
  const claims = (leased ?? []).map((claim) => ({ ...claim, ...actions.get(keyOfAction(claim))! }));
  return { claims, cutOffAt: cutOffAt ?? {} };
}

/**
 * Tenants of a provider that one claim looks at, and names of actions among them, whether they can be served now or not.
 * With more of them their turn comes with a later claim; each costs a step in the index.
 */
const GROUPS_MAX = 100;

/** A tenant's actions of one name at a provider, of which the first is due at `dueDateTime`. */
const firstOfGroup = (condition: string, lap: string) => `
  (SELECT w."azureTenantId", w."actionName", w."dueDateTime", ${lap} AS "lap"
     FROM "security_action_work" w
    WHERE w."ready" AND w."leaseOwner" IS NULL AND ${condition}
    ORDER BY w."azureTenantId", w."actionName", w."dueDateTime" LIMIT 1)`;

/**
 * Leases what the CTE `picked` (azureTenantId, actionId, position, turn) names. Its parameters come first: $1 owner,
 * $2 length of the lease in ms, $3 the providers that bear repeats.
 * @param next what for: an expression
 */
export const leasePicked = (next: string) => `
  leased AS (
    UPDATE "security_action_work" w
       SET "leaseOwner" = $1, "leaseUntil" = clock_timestamp() + $2 * interval '1 ms',
           "next" = ${next},
           "attempt" = w."attempt" + CASE WHEN ${next} = 'call' THEN 1 ELSE 0 END,
           "probes" = w."probes" + CASE WHEN ${next} = 'probe' THEN 1 ELSE 0 END,
           "attemptId" = gen_random_uuid(), "sentDateTime" = NULL,
           "acceptedAttemptId" = CASE WHEN ${next} = 'probe' THEN w."acceptedAttemptId" END,
           "repeatable" = w."providerKey" = ANY($3::text[])
     WHERE ${onlyThoseOf('picked')}
    RETURNING w."azureTenantId", w."actionId", w."providerKey", w."actionName",
      w."targetKey", w."attempt", w."attemptId", w."next", w."probes", w."mayHaveActed", w."awaitingReport",
      extract(epoch FROM clock_timestamp() - w."unavailableSince")::float8 * 1000 AS "unavailableMs"
  )`;

/** What `leasePicked` leased, as one row. */
export const LEASED = `SELECT (
    SELECT jsonb_agg(l ORDER BY p."turn") FROM leased l JOIN picked p USING ("azureTenantId", "actionId")) AS "leased"`;

/*
 * The groups are found by a loose index scan that begins after whose turn was last and comes round to it: a step for
 * each group, however much waits in it. No more groups are served than there are places, and each tenant of them is
 * given an equal share; what the shares leave over is taken by the claims that follow. More than there is room for is
 * never leased, though a few more may be locked for the moment.
 *
 * The clock, not the begin of the transaction, says when it started: an ingest may have waited for the end of the action
 * before, and would claim the next one with a time from before that end.
 */
const CLAIM = prepared(`
  WITH RECURSIVE room AS (
    SELECT * FROM unnest($4::text[], $5::integer[], $6::text[], $7::text[])
      AS r("providerKey", "slots", "lastTenant", "lastName")
  ),
  round AS (
    SELECT room."providerKey", room."lastTenant", room."lastName", first.*, 1 AS "turn"
      FROM room CROSS JOIN LATERAL (
        ${firstOfGroup(
          `w."providerKey" = room."providerKey"
      AND w."azureTenantId" = room."lastTenant" AND w."actionName" > room."lastName"`,
          '0',
        )}
        UNION ALL
        ${firstOfGroup('w."providerKey" = room."providerKey" AND w."azureTenantId" > room."lastTenant"', '1')}
        UNION ALL
        ${firstOfGroup('w."providerKey" = room."providerKey"', '2')}
        ORDER BY "lap" LIMIT 1) first
    UNION ALL
    SELECT round."providerKey", round."lastTenant", round."lastName", next.*, round."turn" + 1
      FROM round CROSS JOIN LATERAL (
        ${firstOfGroup(
          `w."providerKey" = round."providerKey"
      AND (w."azureTenantId", w."actionName") > (round."azureTenantId", round."actionName")`,
          'round."lap"',
        )}
        UNION ALL
        ${firstOfGroup('w."providerKey" = round."providerKey" AND round."lap" < 2', '2')}
        ORDER BY "lap" LIMIT 1) next
     WHERE round."turn" < ${GROUPS_MAX}
       AND NOT (next."lap" = 2 AND (next."azureTenantId" > round."lastTenant"
         OR coalesce(next."azureTenantId" = round."lastTenant" AND next."actionName" > round."lastName", false)))
  ),
  eligible AS (
    SELECT e.*, count(*) OVER (PARTITION BY e."providerKey", e."azureTenantId") AS "ofTenant",
           dense_rank() OVER (PARTITION BY e."providerKey" ORDER BY e."azureTenantId") AS "tenantNumber"
      FROM (SELECT round.*, row_number() OVER (PARTITION BY "providerKey" ORDER BY "turn") AS "place"
              FROM round
             WHERE "dueDateTime" <= now() AND NOT EXISTS (${standingHold('round')})) e
      JOIN room ON room."providerKey" = e."providerKey" AND e."place" <= room."slots"
  ),
  share AS (
    SELECT e.*, ceil(room."slots"::float8
             / max(e."tenantNumber") OVER (PARTITION BY e."providerKey") / e."ofTenant")::integer AS "rows"
      FROM eligible e JOIN room USING ("providerKey")
  ),
  candidate AS (
    SELECT share."providerKey", share."turn", w.*,
           row_number() OVER (PARTITION BY share."providerKey", share."turn"
             ORDER BY w."dueDateTime", w."position") AS "rank"
      FROM share CROSS JOIN LATERAL (
        SELECT w."azureTenantId", w."actionId", w."dueDateTime", w."position"
          FROM "security_action_work" w
         WHERE w."providerKey" = share."providerKey" AND w."azureTenantId" = share."azureTenantId"
           AND w."actionName" = share."actionName" AND w."ready" AND w."leaseOwner" IS NULL
           AND w."dueDateTime" <= now() AND w."cancelRequestedDateTime" IS NULL
         ORDER BY w."dueDateTime", w."position" LIMIT share."rows" FOR UPDATE SKIP LOCKED) w
  ),
  picked AS (
    SELECT "azureTenantId", "actionId", "position", row_number() OVER (ORDER BY "rank", "turn") AS "turn"
      FROM (
      SELECT c.*, row_number() OVER (PARTITION BY c."providerKey" ORDER BY c."rank", c."turn") AS "place"
        FROM candidate c) c
      JOIN room USING ("providerKey")
     WHERE c."place" <= room."slots"
     ORDER BY "rank", c."turn" LIMIT $8
  ),
  ${leasePicked('w."next"')},
  started AS (
    UPDATE "security_action" a
       SET "status" = 'Running', "version" = a."version" + 1,
           "lastActionDateTime" = greatest(clock_timestamp(), a."lastActionDateTime")
      FROM leased l
     WHERE a."azureTenantId" = l."azureTenantId" AND a."id" = l."actionId"
       AND a."status" = 'NotStarted'
    RETURNING a."azureTenantId", a."id" AS "actionId", a."version", 'started' AS "type", a."status",
      true AS "changedStatus", a."lastActionDateTime" AS "dateTime", l."attempt", l."attemptId",
      NULL::text AS "appId", NULL::text AS "user", NULL::jsonb AS "errorInfo"
  ),
  ${recordEvents('started')}
  ${LEASED}, (
    SELECT jsonb_object_agg("providerKey",
             jsonb_build_object('azureTenantId', "azureTenantId", 'actionName', "actionName"))
      FROM round WHERE "turn" = ${GROUPS_MAX}) AS "cutOffAt"`);

/** The resources of claimed actions and their traces, by `keyOfAction`. */
async function findActions(
  database: Database,
  references: ActionReference[],
): Promise<Map<string, Pick<Claim, 'action' | 'traceparent'>>> {
  if (references.length === 0) return new Map();
  const rows: ActionRow[] = await database.query(FIND_ACTIONS, [
    references.map((reference) => reference.azureTenantId),
    references.map((reference) => reference.actionId),
  ]);
  return new Map(
    rows.map((row) => [
      keyOfAction({ azureTenantId: row.azureTenantId, actionId: row.id }),
      { action: toSecurityAction(row), traceparent: row.traceparent },
    ]),
  );
}

const FIND_ACTIONS = prepared(`
  SELECT ${actionColumns} FROM unnest($1::text[], $2::uuid[]) AS r("azureTenantId", "actionId")
   CROSS JOIN LATERAL (
     SELECT * FROM "security_action" a
      WHERE a."azureTenantId" = r."azureTenantId" AND a."id" = r."actionId" LIMIT 1) a`);
