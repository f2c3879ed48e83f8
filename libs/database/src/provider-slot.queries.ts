import type { Database } from './action-row.ts';
import { latestEnd } from './longest-lease.ts';

/*
 * The places at a provider, which all workers share: each leases its part, so that none has to ask the others before a
 * call. Counting the calls under way instead would let two workers that count at once go over together.
 */

/** What a worker says about a provider when it renews its places there. */
export interface SlotRequest {
  providerKey: string;
  /** What all workers together may have. */
  concurrencyMax: number;
  /** What it may not lose now: places that are in use, or that it may begin to use before it hears of the answer. */
  floor: number;
  /** What it can use. */
  wanted: number;
  circuitOpen: boolean;
}

/** Any number that nobody else uses. One lock for all providers: each worker comes by once a second. */
const SLOTS_LOCK = 7_345_001;

/** What a worker has at a provider. */
export interface SlotGrant {
  slots: number;
  /** An equal part for each worker there is: it is to come down to that when its calls end. */
  share: number;
}

/**
 * Renews a worker's places: more when others have gone, fewer when others have come, but never at once fewer than its
 * `floor`. Places of a worker that has not renewed for its lease are free again. To be run in a transaction.
 */
export async function leaseSlots(
  database: Database,
  requests: SlotRequest[],
  { owner, leaseMs }: { owner: string; leaseMs: number },
): Promise<Map<string, SlotGrant>> {
  await database.query(`SELECT pg_advisory_xact_lock(${SLOTS_LOCK})`);
  await database.query(CLEAN_UP);
  const rows: (SlotGrant & { providerKey: string })[] = await database.query(LEASE, [
    requests.map(({ providerKey }) => providerKey),
    requests.map(({ concurrencyMax }) => concurrencyMax),
    requests.map(({ floor }) => floor),
    requests.map(({ wanted }) => wanted),
    requests.map(({ circuitOpen }) => circuitOpen),
    owner,
    leaseMs,
  ]);
  return new Map(rows.map((row) => [row.providerKey, row]));
}

/** Leaves the places of a worker that stops to the others. */
export async function dropSlots(database: Database, owner: string): Promise<void> {
  await database.query(`DELETE FROM "provider_slot" WHERE "owner" = $1`, [owner]);
}

/** Also shortens leases that cannot be so long. */
const CLEAN_UP = `
  WITH expired AS (DELETE FROM "provider_slot" WHERE "leaseUntil" < clock_timestamp())
  UPDATE "provider_slot" SET "leaseUntil" = ${latestEnd()} WHERE "leaseUntil" > ${latestEnd()}`;

const LEASE = `
  WITH request AS (
    SELECT * FROM unnest($1::text[], $2::integer[], $3::integer[], $4::integer[], $5::boolean[])
      AS r("providerKey", "concurrencyMax", "floor", "wanted", "circuitOpen")
  ),
  others AS (
    SELECT r.*, coalesce(sum(o."slots"), 0)::integer AS "taken",
           ceil(r."concurrencyMax"::float8 / (count(o."owner") + 1))::integer AS "share"
      FROM request r
      LEFT JOIN "provider_slot" o ON o."providerKey" = r."providerKey" AND o."owner" <> $6
     GROUP BY r."providerKey", r."concurrencyMax", r."floor", r."wanted", r."circuitOpen"
  ),
  leased AS (
    INSERT INTO "provider_slot" ("providerKey", "owner", "slots", "circuitOpen", "leaseUntil")
    SELECT "providerKey", $6, greatest("floor", least("wanted", "share", "concurrencyMax" - "taken")),
           "circuitOpen", clock_timestamp() + $7 * interval '1 ms'
      FROM others
    ON CONFLICT ("providerKey", "owner") DO UPDATE
      SET "slots" = excluded."slots", "circuitOpen" = excluded."circuitOpen",
          "leaseUntil" = excluded."leaseUntil"
    RETURNING "providerKey", "slots"
  )
  SELECT "providerKey", "slots", "share" FROM leased JOIN others USING ("providerKey")`;
