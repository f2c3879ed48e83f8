import type { Caller } from '#domain/caller';
import type { PageEndByTime } from '#domain/newest-first';
import type { Status } from '#domain/status';
import type { Database } from './action-row.ts';
import type { HoldEntity } from './entities/hold.entity.ts';
import { takeHoldGuard } from './hold-guard.queries.ts';
import { covers } from './standing-hold.ts';

/*
 * Holds: made, released, shown. Each takes the tenant that asks first; null stands for an operator of every tenant,
 * who alone knows of holds that are not of one tenant.
 */

/** What a hold covers: all that fits every part; a part that is null fits everything. */
export type HoldScope = Pick<HoldEntity, 'azureTenantId' | 'providerKey' | 'actionName'>;

/** An action that is with its provider, or on its way there, although a hold covers it. */
export interface InFlightAction {
  id: string;
  azureTenantId: string;
  status: Status;
  providerKey: string;
  name: string;
  /** Which call it is, from 1. */
  attempt: number;
  /** Until when its worker answers for it. In the past: that worker is lost or stands still. Null: no worker has it. */
  leaseUntil: Date | null;
  /** Its provider has taken it over and is to report its end. */
  awaitingReport: boolean;
}

/** What is in flight under a hold: the oldest of it, and how much it is in all. */
export interface InFlight {
  actions: InFlightAction[];
  count: number;
}

/** What an answer lists of it. More than a person looks through, and what one page of a terminal can show. */
export const IN_FLIGHT_SHOWN_MAX = 100;

/**
 * Holds that one tenant may have standing. A claim looks at all of them for each tenant and action name it comes by,
 * and nobody keeps more than a few apart in an emergency.
 */
export const STANDING_HOLDS_MAX = 100;

/**
 * Puts a hold on record. Once its transaction has committed, nothing that it covers is claimed. To be run in a READ
 * COMMITTED transaction, as the first thing in it.
 * @returns what was claimed before and is still in flight; undefined when the tenant has too many holds standing
 */
export async function createHold(
  database: Database,
  caller: Caller,
  hold: HoldScope & { id: string; reason: string | null },
): Promise<{ hold: HoldEntity; inFlight: InFlight } | undefined> {
  await takeHoldGuard(database);
  const [created]: HoldEntity[] = await database.query(INSERT, [
    caller.tenantId,
    caller.appId,
    caller.user,
    hold.id,
    hold.azureTenantId,
    hold.providerKey,
    hold.actionName,
    hold.reason,
    STANDING_HOLDS_MAX,
  ]);
  if (!created) return undefined;
  return { hold: created, inFlight: await findInFlight(database, hold) };
}

// The clock, and not now(): the transaction began before it had waited for the guard.
const INSERT = `
  INSERT INTO "hold" ("id", "azureTenantId", "providerKey", "actionName", "reason", "createdDateTime",
    "createdByTenantId", "createdByAppId", "createdByUser")
  SELECT $4, $5, $6, $7, $8, clock_timestamp(), $1, $2, $3
   WHERE $9 > (SELECT count(*) FROM "hold"
                WHERE "createdByTenantId" = $1 AND "releasedDateTime" IS NULL)
  RETURNING *`;

/** What a hold covers, as a relation of one row: $1 azureTenantId, $2 providerKey, $3 actionName. */
const SCOPE = `
  scope AS (SELECT $1::text AS "azureTenantId", $2::text AS "providerKey", $3::text AS "actionName")`;

/** What is in flight that a hold covers. */
export async function findInFlight(
  database: Database,
  { azureTenantId, providerKey, actionName }: HoldScope,
): Promise<InFlight> {
  const rows: (InFlightAction & { count: number })[] = await database.query(IN_FLIGHT, [
    azureTenantId,
    providerKey,
    actionName,
    IN_FLIGHT_SHOWN_MAX,
  ]);
  return {
    actions: rows.map(({ count: _count, ...action }) => action),
    count: rows[0]?.count ?? 0,
  };
}

// Each half has an index of its own, so that what waits is not read, however much that is.
const IN_FLIGHT = `
  WITH ${SCOPE},
  flying AS (
    SELECT * FROM "security_action_work" WHERE "leaseOwner" IS NOT NULL
    UNION ALL
    SELECT * FROM "security_action_work" WHERE "awaitingReport" AND "leaseOwner" IS NULL
  ),
  covered AS (
    SELECT f.*, count(*) OVER ()::integer AS "count" FROM flying f JOIN scope ON ${covers('scope', 'f')}
     ORDER BY f."position" LIMIT $4
  )
  SELECT c."actionId" AS "id", c."azureTenantId", a."status", c."providerKey", a."name", c."attempt",
         c."leaseUntil", c."awaitingReport", c."count"
    FROM covered c JOIN "security_action" a
      ON a."azureTenantId" = c."azureTenantId" AND a."id" = c."actionId"
   ORDER BY c."position"`;

/**
 * How many actions a hold keeps waiting, whatever else they wait for. To be run outside of the transaction that makes
 * the hold: it reads all that waits, and no claim should wait for that.
 */
export async function countHeld(
  database: Database,
  { azureTenantId, providerKey, actionName }: HoldScope,
): Promise<number> {
  const [row]: { count: number }[] = await database.query(HELD, [
    azureTenantId,
    providerKey,
    actionName,
  ]);
  return row!.count;
}

const HELD = `
  WITH ${SCOPE}
  SELECT count(*)::integer AS "count"
    FROM "security_action_work" w JOIN scope ON ${covers('scope', 'w')}
   WHERE w."leaseOwner" IS NULL AND NOT w."awaitingReport"`;

/** A hold that this tenant may know of. */
export async function findHold(
  database: Database,
  tenantId: string | null,
  id: string,
): Promise<HoldEntity | undefined> {
  const [hold]: HoldEntity[] = await database.query(
    `SELECT * FROM "hold" h WHERE ${VISIBLE} AND h."id" = $2`,
    [tenantId, id],
  );
  return hold;
}

/** Which holds to list, and from where. */
export interface HoldQuery {
  /** Only those that stand, only those that were released, or both. */
  standing: boolean | null;
  after: PageEndByTime | null;
  limit: number;
}

/** The holds that this tenant may know of, newest first. */
export async function findHolds(
  database: Database,
  tenantId: string | null,
  { standing, after, limit }: HoldQuery,
): Promise<HoldEntity[]> {
  return database.query(
    `SELECT * FROM "hold" h
      WHERE ${VISIBLE}
        AND ($2::boolean IS NULL OR (h."releasedDateTime" IS NULL) = $2)
        AND ($3::timestamptz IS NULL OR (h."createdDateTime", h."id") < ($3, $4::uuid))
      ORDER BY h."createdDateTime" DESC, h."id" DESC LIMIT $5`,
    [tenantId, standing, after?.createdDateTime ?? null, after?.id ?? null, limit],
  );
}

/** Without case, as a hold covers: who is held must find what holds. */
const VISIBLE = `($1::text IS NULL OR lower(h."azureTenantId") = lower($1))`;

/** Ends a hold; one that was released before stays as it is. Claims need not wait: they only find more. */
export async function releaseHold(database: Database, caller: Caller, id: string): Promise<void> {
  await database.query(
    `UPDATE "hold"
        SET "releasedDateTime" = greatest(clock_timestamp(), "createdDateTime"),
            "releasedByTenantId" = $1, "releasedByAppId" = $2, "releasedByUser" = $3
      WHERE "id" = $4 AND "releasedDateTime" IS NULL`,
    [caller.tenantId, caller.appId, caller.user, id],
  );
}
