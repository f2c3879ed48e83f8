import type { EntityManager } from 'typeorm';
import type { Database } from './action-row.ts';
import { readEvents } from './logged-events.queries.ts';
import type { OutboxEvent, OutboxPlace } from './outbox-event.ts';
import { plainArray } from './array-text.ts';
import { latestEnd } from './longest-lease.ts';
import { prepared } from './prepared.ts';

const RELAY = 'outbox';
/** A megabyte of rows, in some ten milliseconds. */
const PLACES_PAGE_MAX = 5000;

/** The right to relay: held by one worker at a time, and told apart from earlier ones by the epoch. */
export interface RelayLease {
  owner: string;
  epoch: string;
}

const MAY_TAKE = `(l."owner" = $2 OR l."leaseUntil" < clock_timestamp())`;

/**
 * Takes or renews the right to relay; or shortens the lease of another worker that cannot be so long (`latestEnd`).
 * @returns undefined while another worker holds it
 */
export async function holdRelayLease(
  database: Database,
  owner: string,
  leaseMs: number,
): Promise<RelayLease | undefined> {
  const rows: RelayLease[] = await database.query(
    `INSERT INTO "relay_lease" AS l ("name", "owner", "epoch", "leaseUntil")
     VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 ms')
     ON CONFLICT ("name") DO UPDATE
       SET "owner" = CASE WHEN ${MAY_TAKE} THEN $2 ELSE l."owner" END,
           "leaseUntil" = CASE WHEN ${MAY_TAKE} THEN excluded."leaseUntil" ELSE ${latestEnd()} END,
           "epoch" = l."epoch" + CASE WHEN l."owner" <> $2 AND ${MAY_TAKE} THEN 1 ELSE 0 END
       WHERE ${MAY_TAKE} OR l."leaseUntil" > ${latestEnd()}
     RETURNING "owner", "epoch"`,
    [RELAY, owner, leaseMs],
  );
  return rows.find((lease) => lease.owner === owner);
}

/** Lets another worker take over at once. */
export async function dropRelayLease(database: Database, lease: RelayLease): Promise<void> {
  await database.query(
    `UPDATE "relay_lease" SET "leaseUntil" = clock_timestamp()
      WHERE "name" = $1 AND "owner" = $2 AND "epoch" = $3`,
    [RELAY, lease.owner, lease.epoch],
  );
}

interface Look {
  /** Events at most. */
  limit: number;
  /** Actions whose events are passed over. */
  without?: readonly string[];
  /** Asked for each event, in their order; what it gives need not be read. */
  known?: (place: OutboxPlace) => OutboxEvent | undefined;
}

/** The oldest events of the outbox, in the order in which they must be published. */
export async function readOutbox(
  database: Database,
  { limit, without = [], known }: Look,
): Promise<OutboxEvent[]> {
  return readPlaces(database, await placesAfter(database, '0', limit, without), known);
}

/** The events at these places, in order. @param known as of a look */
export async function readPlaces(
  database: Database,
  places: readonly OutboxPlace[],
  known: Look['known'],
): Promise<OutboxEvent[]> {
  const events: OutboxEvent[] = [];
  const unknown: OutboxPlace[] = [];
  for (const place of places) {
    const event = known?.(place);
    if (event) events.push(event);
    else unknown.push(place);
  }
  if (unknown.length === 0) return events;
  return [...events, ...(await readEvents(database, unknown))].toSorted(byPosition);
}

/** Of whole numbers in decimal a longer one is greater, and of one length they compare as text. */
function byPosition({ position: one }: OutboxEvent, { position: other }: OutboxEvent): number {
  if (one.length !== other.length) return one.length - other.length;
  return one < other ? -1 : 1;
}

interface LookBeside {
  /** Places at most. */
  limit: number;
  without: readonly string[];
  /** Says of each place whether it is passed over: the same for all of an action's. */
  skips: (place: OutboxPlace) => boolean;
}

/**
 * The oldest places that are not skipped. In one snapshot: an event that is committed between two pages could be missed by the
 * first, and one that follows it in its action be found in the second.
 */
export function placesBeside(
  database: EntityManager,
  { limit, without, skips }: LookBeside,
): Promise<OutboxPlace[]> {
  return database.transaction('REPEATABLE READ', async (snapshot) => {
    const places: OutboxPlace[] = [];
    let last: OutboxPlace | undefined;
    do {
      const after = last?.position ?? '0';
      const page = await placesAfter(snapshot, after, PLACES_PAGE_MAX, without);
      places.push(...page.filter((place) => !skips(place)));
      last = page.length === PLACES_PAGE_MAX ? page.at(-1) : undefined;
    } while (last && places.length < limit);
    return places.slice(0, limit);
  });
}

/** @param after a position */
function placesAfter(
  database: Database,
  after: string,
  limit: number,
  without: readonly string[],
): Promise<OutboxPlace[]> {
  return database.query(OLDEST, [limit, without, after]);
}

// Not `<> ALL`: for a parameter Postgres compares each row with each id.
const OLDEST = prepared(`
  SELECT "position", "azureTenantId", "actionId", "sequence" FROM "outbox"
   WHERE "position" > $3 AND "actionId" NOT IN (SELECT unnest($2::uuid[]))
   ORDER BY "position" LIMIT $1`);

/**
 * Forgets published events, unless another worker has taken over the relay meanwhile.
 * @returns whether they were forgotten
 */
export async function deleteFromOutbox(
  database: Database,
  lease: RelayLease,
  positions: string[],
): Promise<boolean> {
  const [, count]: [unknown[], number] = await database.query(DELETE, [
    plainArray(positions),
    RELAY,
    lease.owner,
    lease.epoch,
  ]);
  return count > 0;
}

const DELETE = prepared(`
  DELETE FROM "outbox" WHERE "position" = ANY($1::bigint[])
     AND EXISTS (SELECT FROM "relay_lease"
                  WHERE "name" = $2 AND "owner" = $3 AND "epoch" = $4)`);
