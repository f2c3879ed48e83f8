import type { Database } from './action-row.ts';
import type { DeadLetterEntity } from './entities/dead-letter.entity.ts';

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

/**
 * Deletes letters that are older than `retentionMs`, at most `limit` of them: the oldest, whatever was decided about
 * them. What another worker deletes just now is skipped.
 * @returns how many
 */
export async function deleteOldDeadLetters(
  database: Database,
  retentionMs: number,
  limit: number,
): Promise<number> {
  const rows: { count: number }[] = await database.query(DELETE_OLD, [retentionMs, limit]);
  return rows[0]!.count;
}

const DELETE_OLD = `
  WITH old AS (
    SELECT "azureTenantId", "id" FROM "dead_letter"
     WHERE "createdDateTime" < now() - $1 * interval '1 ms'
     ORDER BY "createdDateTime" LIMIT $2 FOR UPDATE SKIP LOCKED
  ),
  deleted AS (
    DELETE FROM "dead_letter" d USING old
     WHERE d."azureTenantId" = old."azureTenantId" AND d."id" = old."id"
    RETURNING 1
  )
  SELECT count(*)::integer AS "count" FROM deleted`;
