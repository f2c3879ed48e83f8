import type { Caller } from '#domain/caller';
import type { DeadLetterState } from '#domain/dead-letter';
import type { PageEndByTime } from '#domain/newest-first';
import type { Database } from './action-row.ts';
import type { DeadLetterEntity } from './entities/dead-letter.entity.ts';

/*
 * Dead letters: stored, shown, decided about. What asks for one tenant's takes that first;
 * null stands for an operator of every tenant, who alone knows of letters that are nobody's.
 */

/** A dead letter as it comes from its topic: nobody has decided about it. */
export type NewDeadLetter = Omit<
  DeadLetterEntity,
  | 'state'
  | 'decidedDateTime'
  | 'decidedByTenantId'
  | 'decidedByAppId'
  | 'decidedByUser'
  | 'reason'
  | 'actionId'
>;

/** Stores letters. One that is stored already stays as it is, with what was decided about it. */
export async function insertDeadLetters(
  database: Database,
  letters: NewDeadLetter[],
): Promise<void> {
  await database.query(INSERT, [
    letters.map(({ azureTenantId }) => azureTenantId),
    letters.map(({ id }) => id),
    letters.map(({ createdDateTime }) => createdDateTime),
    letters.map(({ code }) => code),
    letters.map(({ message }) => message),
    letters.map(({ attempts }) => attempts),
    letters.map(({ firstFailedDateTime }) => firstFailedDateTime),
    letters.map(({ appId }) => appId),
    letters.map(({ user }) => user),
    letters.map(({ originTopic }) => originTopic),
    letters.map(({ originPartition }) => originPartition),
    letters.map(({ originOffset }) => originOffset),
    letters.map(({ originTimestamp }) => originTimestamp),
    letters.map(({ partition }) => partition),
    letters.map(({ offset }) => offset),
    letters.map(({ valueBytes }) => valueBytes),
    letters.map(({ headers }) => headers && JSON.stringify(headers)),
    letters.map(({ key }) => key),
    letters.map(({ value }) => value),
  ]);
}

const INSERT = `
  INSERT INTO "dead_letter" ("azureTenantId", "id", "createdDateTime", "code", "message", "attempts",
    "firstFailedDateTime", "appId", "user", "originTopic", "originPartition", "originOffset", "originTimestamp",
    "partition", "offset", "valueBytes", "headers", "key", "value", "state")
  SELECT *, 'open' FROM unnest(
    $1::text[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::integer[], $7::timestamptz[],
    $8::text[], $9::text[], $10::text[], $11::integer[], $12::bigint[], $13::double precision[],
    $14::integer[], $15::bigint[], $16::integer[], $17::json[], $18::bytea[], $19::bytea[])
  ON CONFLICT DO NOTHING`;

/** Which letters are meant; all of what is given must fit. */
export interface DeadLetterFilter {
  state?: DeadLetterState;
  code?: string;
  /** Empty: those of nobody. */
  azureTenantId?: string;
  topic?: string;
  /** When they were put aside: at this moment or later. ISO 8601, UTC. */
  from?: string;
  /** The same: earlier than that. */
  before?: string;
}

/** Which letters to list, and from where. */
export interface DeadLetterQuery {
  filter: DeadLetterFilter;
  after: PageEndByTime | null;
  limit: number;
}

/** A letter without what the message held. */
export type DeadLetterRow = Omit<DeadLetterEntity, 'headers' | 'key' | 'value'>;

/**
 * The letters that this tenant may know of, newest first.
 * @param topics the names on the wire that the topic of the filter may stand for; null: any
 */
export async function findDeadLetters(
  database: Database,
  tenantId: string | null,
  { filter, after, limit }: DeadLetterQuery,
  topics: string[] | null,
): Promise<DeadLetterRow[]> {
  const { azureTenantId, state, code, from, before } = filter;
  return database.query(FIND_PAGE, [
    tenantId,
    azureTenantId ?? null,
    state ?? null,
    code ?? null,
    topics,
    from ?? null,
    before ?? null,
    after?.createdDateTime ?? null,
    after?.id ?? null,
    limit,
  ]);
}

const VISIBLE = `($1::text IS NULL OR l."azureTenantId" = $1)`;

const FIND_PAGE = `
  SELECT l."azureTenantId", l."id", l."state", l."createdDateTime", l."code", l."message", l."attempts",
         l."firstFailedDateTime", l."appId", l."user", l."originTopic", l."originPartition", l."originOffset",
         l."originTimestamp", l."partition", l."offset", l."valueBytes", l."decidedDateTime",
         l."decidedByTenantId", l."decidedByAppId", l."decidedByUser", l."reason", l."actionId"
    FROM "dead_letter" l
   WHERE ${VISIBLE}
     AND ($2::text IS NULL OR l."azureTenantId" = $2)
     AND ($3::text IS NULL OR l."state" = $3)
     AND ($4::text IS NULL OR l."code" = $4)
     AND ($5::text[] IS NULL OR l."originTopic" = ANY($5))
     AND ($6::timestamptz IS NULL OR l."createdDateTime" >= $6)
     AND ($7::timestamptz IS NULL OR l."createdDateTime" < $7)
     AND ($8::timestamptz IS NULL OR (l."createdDateTime", l."id") < ($8, $9::uuid))
   ORDER BY l."createdDateTime" DESC, l."id" DESC LIMIT $10`;

/** A letter that this tenant may know of, with what the message held. */
export async function findDeadLetter(
  database: Database,
  tenantId: string | null,
  id: string,
): Promise<DeadLetterEntity | undefined> {
  const [letter]: DeadLetterEntity[] = await database.query(
    `SELECT * FROM "dead_letter" l WHERE ${VISIBLE} AND l."id" = $2`,
    [tenantId, id],
  );
  return letter;
}

/** What is decided about a letter, and in which states that can be. */
export interface DeadLetterDecision {
  from: DeadLetterState[];
  to: DeadLetterState;
  by: Caller;
  reason: string | null;
  actionId: string | null;
}

/** Puts a decision on record; a letter that is in none of the states that it is possible in stays as it is. */
export async function decideDeadLetter(
  database: Database,
  { azureTenantId, id }: Pick<DeadLetterEntity, 'azureTenantId' | 'id'>,
  { from, to, by, reason, actionId }: DeadLetterDecision,
): Promise<void> {
  await database.query(
    `UPDATE "dead_letter"
        SET "state" = $4, "decidedDateTime" = clock_timestamp(), "decidedByTenantId" = $5,
            "decidedByAppId" = $6, "decidedByUser" = $7, "reason" = $8, "actionId" = $9
      WHERE "azureTenantId" = $1 AND "id" = $2 AND "state" = ANY($3)`,
    [azureTenantId, id, from, to, by.tenantId, by.appId, by.user, reason, actionId],
  );
}
