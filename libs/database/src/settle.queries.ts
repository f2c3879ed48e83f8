import type { EventType } from '#domain/event';
import type { ResultInfo } from '#domain/security-action';
import type { Status } from '#domain/status';
import type { DataSource, EntityManager } from 'typeorm';
import type { ClaimReference } from './held-claims.queries.ts';
import { foundByIdsOf, lockHeldRows } from './held-rows.ts';
import type { Answer, Statement } from './impatient-client.ts';
import { inOnePiece, transactionInOnePiece } from './in-one-piece.ts';
import { plainArray, textArray } from './array-text.ts';
import { prepared } from './prepared.ts';
import { NEXT_POSITION, recordEvents } from './record-events.ts';
import { type Target, lastPromotion, promotedBy, promotion } from './targets.queries.ts';

/** How an attempt, or a probe, ended; each once in a batch. All but the first three leave the action Running and free its lease. */
export type Settlement = ClaimOnTarget &
  (
    | { type: 'completed' }
    | { type: 'failed' | 'cancelled'; errorInfo: ResultInfo }
    /** It is looked into again, not before `dueInMs`. */
    | {
        type: 'attemptFailed';
        errorInfo: ResultInfo;
        next: 'call' | 'probe';
        mayHaveActed: boolean;
        dueInMs: number;
      }
    /** Its provider runs it and is to report its end; not heard of in `dueInMs`, `next` follows. */
    | { type: 'accepted'; next: 'call' | 'probe'; dueInMs: number }
    /**
     * Nothing happened that anybody has to hear of: its provider could not be asked (`unavailable`: the claim counts
     * for nothing), or a question to it was not answered.
     */
    | { type: 'postponed'; unavailable: boolean; dueInMs: number }
  );

/** Which claim is settled; when it ends, the next on its target is to follow. */
export type ClaimOnTarget = ClaimReference & { targetKey: string | null };

type SettlementType = Settlement['type'];

const STATUS_AFTER: Record<SettlementType, Status> = {
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Failed',
  attemptFailed: 'Running',
  accepted: 'Running',
  postponed: 'Running',
} satisfies Partial<Record<EventType, Status>> & Record<'postponed', Status>;

const ENDS: SettlementType[] = ['completed', 'failed', 'cancelled'];

/** A settlement that leaves nothing more to be done. */
export type Ending = Extract<Settlement, { type: 'completed' | 'failed' | 'cancelled' }>;

export function isEnd(settlement: Settlement): settlement is Ending {
  return ENDS.includes(settlement.type);
}

/**
 * Writes how attempts ended, one event each, and makes the next action on each freed target ready. An attempt that lost its
 * lease to another (its attempt id is not on record any more) changes nothing. To be run in a READ COMMITTED transaction.
 */
export async function settle(manager: EntityManager, unordered: Settlement[]): Promise<Settled> {
  const settlements = unordered.toSorted(byAttempt);
  const freed = settlements.filter(freesTarget);
  // Also of targets whose attempt does not count: who took it over looks as well, and no harm is done.
  const looks = freed.length > 0 ? [promotion(freed)] : [];
  const [held, heads] = await inOnePiece(manager, [settling(settlements), ...looks]);
  return {
    settled: countedIn(held!, settlements),
    promoted: heads ? await promotedBy(heads.rows, manager, freed) : 0,
  };
}

/** The same in a transaction of its own, in one round trip. */
export async function settleAtOnce(
  dataSource: DataSource,
  unordered: Settlement[],
): Promise<Settled> {
  const settlements = unordered.toSorted(byAttempt);
  const freed = settlements.filter(freesTarget);
  const looks = freed.length > 0 ? [lastPromotion(freed)] : [];
  const [held, heads] = await transactionInOnePiece(dataSource, [settling(settlements), ...looks]);
  return {
    settled: countedIn(held!, settlements),
    promoted: (heads?.rows[0] as { promoted: number } | undefined)?.promoted ?? 0,
  };
}

/** What counted, by attempt id, and how many actions became ready. */
interface Settled {
  settled: Map<string, SettledEvent | null>;
  promoted: number;
}

/** The event that a settlement has recorded. */
export interface SettledEvent {
  sequence: number;
  dateTime: Date;
  /** In the outbox. */
  position: string;
}

/** What Postgres says of a settlement that counted. */
interface SettledRow {
  /** Of its settlement, from 1 on. */
  at: number;
  /** Null, and what follows too, if nothing happened that anybody has to hear of. */
  sequence: number | null;
  dateTime: Date | null;
  position: string | null;
}

/** As Postgres orders ids, which it gave. */
function byAttempt({ attemptId: one }: Settlement, { attemptId: other }: Settlement): number {
  return one < other ? -1 : Number(one > other);
}

/** @param settlements in the order of their attempts */
function settling(settlements: Settlement[]): Statement {
  return { text: SETTLE, values: valuesOf(settlements) };
}

function countedIn({ rows }: Answer, settlements: Settlement[]): Settled['settled'] {
  return new Map(
    (rows as SettledRow[]).map((row) => [settlements[row.at - 1]!.attemptId, eventOf(row)]),
  );
}

function eventOf({ sequence, dateTime, position }: SettledRow): SettledEvent | null {
  if (sequence === null || dateTime === null || position === null) return null;
  return { sequence, dateTime, position };
}

function freesTarget(settlement: Settlement): settlement is Settlement & Target {
  return isEnd(settlement) && settlement.targetKey !== null;
}

function valuesOf(settlements: Settlement[]): unknown[] {
  return [
    textArray(settlements.map((settlement) => settlement.azureTenantId)),
    plainArray(settlements.map((settlement) => settlement.actionId)),
    plainArray(settlements.map((settlement) => settlement.attemptId)),
    plainArray(settlements.map(({ type }) => type)),
    plainArray(settlements.map(({ type }) => STATUS_AFTER[type])),
    plainArray(settlements.map(isEnd)),
    textArray(
      settlements.map((settlement) =>
        'errorInfo' in settlement ? JSON.stringify(settlement.errorInfo) : null,
      ),
    ),
    plainArray(settlements.map((settlement) => ('dueInMs' in settlement ? settlement.dueInMs : 0))),
    plainArray(settlements.map((settlement) => ('next' in settlement ? settlement.next : null))),
    plainArray(settlements.map(mayHaveActed)),
    plainArray(
      settlements.map((settlement) => settlement.type === 'postponed' && settlement.unavailable),
    ),
  ];
}

function mayHaveActed(settlement: Settlement): boolean {
  return (
    settlement.type === 'accepted' ||
    (settlement.type === 'attemptFailed' && settlement.mayHaveActed)
  );
}

// What is to become of a row of work is read straight from the settlement: joined with the list of those that are held it was planned
// to read the whole list again for each, depending on how full Postgres took the table to be.
//
// Which settlement a row's is `width_bucket` finds by halves, as the attempt ids are in order: `array_position` and `= ANY`, which compare
// with each, were a twelfth of what Postgres did.
const AT = `width_bucket(w."attemptId", $3::uuid[])`;
const IS_HELD = `w."attemptId" = ($3::uuid[])[${AT}]`;
/** What the settlement of a row of work says, by the number and the type of its parameter. */
const said = (parameter: number, type: string) => `($${parameter}::${type}[])[${AT}]`;
const IS_END = said(6, 'boolean');
const KIND = said(4, 'text');
const NEXT = said(9, 'text');
const UNAVAILABLE = said(11, 'boolean');

// A held row is the head of its target, and locking it is what `lockHeads` asks for; but for one that was taken to cancel
// it before its turn came. For those see `promoteHeads`: locking the head after the row behind it would be to wait in a
// circle with whoever holds the head and makes that row ready.
const SETTLE = prepared(`
  WITH locked AS (${lockHeldRows('', IS_HELD)}),
  held AS MATERIALIZED (
    SELECT l.*, ($4::text[])["at"] AS "type", ($5::text[])["at"] AS "status",
           ($6::boolean[])["at"] AS "ends", ($7::jsonb[])["at"] AS "errorInfo"
      FROM (SELECT w.*, ${AT} AS "at" FROM locked w) l
  ),
  ending AS (SELECT * FROM held WHERE "ends"),
  staying AS (SELECT * FROM held WHERE NOT "ends"),
  ended AS (
    DELETE FROM "security_action_work" w
     WHERE ${foundByIdsOf('ending')} AND ${IS_HELD} AND ${IS_END}
  ),
  freed AS (
    UPDATE "security_action_work" w
       SET "leaseOwner" = NULL, "leaseUntil" = NULL, "attemptId" = NULL, "sentDateTime" = NULL,
           "attempt" = w."attempt" - CASE WHEN ${UNAVAILABLE} AND w."next" = 'call' THEN 1 ELSE 0 END,
           "probes" = w."probes" - CASE WHEN ${UNAVAILABLE} AND w."next" = 'probe' THEN 1 ELSE 0 END,
           "next" = coalesce(${NEXT}, w."next"),
           "mayHaveActed" = w."mayHaveActed" OR ${said(10, 'boolean')},
           "awaitingReport" = ${KIND} = 'accepted' OR (${KIND} = 'postponed' AND w."awaitingReport"),
           "acceptedAttemptId" = CASE WHEN ${KIND} = 'postponed' THEN w."acceptedAttemptId"
             WHEN ${KIND} = 'accepted' OR ${NEXT} = 'probe' THEN w."attemptId" END,
           "unavailableSince" = CASE WHEN ${UNAVAILABLE}
             THEN coalesce(w."unavailableSince", clock_timestamp()) END,
           "dueDateTime" = clock_timestamp() + ${said(8, 'bigint')} * interval '1 ms'
     WHERE ${foundByIdsOf('staying')} AND ${IS_HELD} AND NOT ${IS_END}
  ),
  changed AS (
    UPDATE "security_action" a
       SET "status" = h."status", "version" = a."version" + 1,
           "lastActionDateTime" = greatest(now(), a."lastActionDateTime"),
           "completedDateTime" = CASE WHEN h."ends" THEN greatest(now(), a."lastActionDateTime") END,
           "errorInfo" = CASE WHEN h."status" = 'Failed' THEN h."errorInfo" END
      FROM held h
     WHERE a."azureTenantId" = h."azureTenantId" AND a."id" = h."actionId"
       AND h."type" <> 'postponed'
    RETURNING h."at", a."azureTenantId", a."id" AS "actionId", a."version", h."type", h."status",
      h."ends" AS "changedStatus", a."lastActionDateTime" AS "dateTime",
      h."attempt", h."attemptId", NULL::text AS "appId", NULL::text AS "user", h."errorInfo",
      ${NEXT_POSITION} AS "position"
  ),
  ${recordEvents('changed', { withPosition: true })}
  SELECT "at", "version" AS "sequence", "dateTime", "position" FROM changed
   UNION ALL SELECT "at", NULL, NULL, NULL FROM held WHERE "type" = 'postponed'`);
