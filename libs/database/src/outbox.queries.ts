import type { EventType } from '#domain/event';
import { shownRevert } from '#domain/revert';
import type { SecurityAction, SecurityActionState } from '#domain/security-action';
import { type Status, isTerminal } from '#domain/status';
import { type ActionRow, type Database, shownReport, toSecurityAction } from './action-row.ts';
import { prepared } from './prepared.ts';
import type { RevertState } from './entities/security-action-event.entity.ts';

const RELAY = 'outbox';

/** The right to relay: held by one worker at a time, and told apart from earlier ones by the epoch. */
export interface RelayLease {
  owner: string;
  epoch: string;
}

/** Takes or renews the right to relay. @returns undefined while another worker holds it */
export async function holdRelayLease(
  database: Database,
  owner: string,
  leaseMs: number,
): Promise<RelayLease | undefined> {
  const rows: RelayLease[] = await database.query(
    `INSERT INTO "relay_lease" AS l ("name", "owner", "epoch", "leaseUntil")
     VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 ms')
     ON CONFLICT ("name") DO UPDATE
       SET "owner" = $2, "leaseUntil" = excluded."leaseUntil",
           "epoch" = l."epoch" + CASE WHEN l."owner" = $2 THEN 0 ELSE 1 END
       WHERE l."owner" = $2 OR l."leaseUntil" < clock_timestamp()
     RETURNING "owner", "epoch"`,
    [RELAY, owner, leaseMs],
  );
  return rows[0];
}

/** Lets another worker take over at once. */
export async function dropRelayLease(database: Database, lease: RelayLease): Promise<void> {
  await database.query(
    `UPDATE "relay_lease" SET "leaseUntil" = clock_timestamp()
      WHERE "name" = $1 AND "owner" = $2 AND "epoch" = $3`,
    [RELAY, lease.owner, lease.epoch],
  );
}

/** An event on its way to Kafka, with the resource as it was right after it. */
export interface OutboxEvent {
  position: string;
  type: EventType;
  sequence: number;
  dateTime: Date;
  action: SecurityAction;
  /** As the catalogue spelled them when the action was accepted. */
  providerKey: string;
  actionName: string;
  /** What the client called its create. */
  clientRequestId: string | null;
  /** The trace that the action belongs to. */
  traceparent: string | null;
}

/** An event as the query below returns it. To write it as an object, or to gather the log as JSON, costs half as much again. */
type LoggedEvent = [
  type: EventType,
  status: Status,
  changedStatus: boolean,
  dateTime: string,
  appId: string | null,
  user: string | null,
  revert: RevertState | null,
];

/** An action with events in the outbox, and its log up to the last of them. */
interface OutboxRow extends LoggedAction {
  /** Its places in the outbox, and the sequences of their events: in decimal, with commas. */
  positions: string;
  sequences: string;
  /** From its first event on, and without gaps: JSON of `LoggedEvent[]`, without the brackets. */
  log: string;
}

/** What the log does not tell of an action, and each event shows. */
type LoggedAction = Pick<ActionRow, (typeof SHOWN)[number]>;

const SHOWN = [
  'azureTenantId',
  'id',
  'providerKey',
  'actionName',
  'name',
  'actionReason',
  'appId',
  'user',
  'clientContext',
  'clientRequestId',
  'parameters',
  'vendorInformation',
  'properties',
  'errorInfo',
  'traceparent',
  'reportedAfterwards',
  'revertsActionId',
  'createdDateTime',
  'completedDateTime',
] as const satisfies (keyof ActionRow)[];

/**
 * The oldest events of the outbox, in the order in which they must be published. An action and its log are read once for
 * all its events among them, and by their keys (LIMIT 1 sees to that): a join would be planned for a full outbox, and read
 * all events there ever were for a few.
 * @param without actions whose events are passed over
 */
export async function readOutbox(
  database: Database,
  limit: number,
  without: readonly string[] = [],
): Promise<OutboxEvent[]> {
  const rows: OutboxRow[] = await database.query(READ, [limit, without]);
  return rows.flatMap(eventsOf).toSorted(byPosition);
}

/** Positions are whole numbers from 1 on, in decimal: a longer one is greater, and of one length they compare as text. */
function byPosition({ position: one }: OutboxEvent, { position: other }: OutboxEvent): number {
  if (one.length !== other.length) return one.length - other.length;
  return one < other ? -1 : 1;
}

const READ = prepared(`
  SELECT ${SHOWN.map((column) => `a."${column}"`).join(', ')}, o."positions", o."sequences", (
            SELECT string_agg(JSON_ARRAY(e."type", e."status", e."changedStatus", e."dateTime", e."appId",
                     e."user", e."revert" NULL ON NULL RETURNING text), ',' ORDER BY e."sequence")
              FROM "security_action_event" e
             WHERE e."azureTenantId" = o."azureTenantId" AND e."actionId" = o."actionId"
               AND e."sequence" <= o."last") AS "log"
     FROM (SELECT "azureTenantId", "actionId", max("sequence") AS "last",
                  string_agg("position"::text, ',') AS "positions",
                  string_agg("sequence"::text, ',') AS "sequences"
             FROM (SELECT * FROM "outbox" WHERE "actionId" <> ALL($2::uuid[])
                    ORDER BY "position" LIMIT $1) oldest
            GROUP BY "azureTenantId", "actionId") o
    CROSS JOIN LATERAL (
      SELECT * FROM "security_action" a
       WHERE a."azureTenantId" = o."azureTenantId" AND a."id" = o."actionId" LIMIT 1) a`);

function eventsOf(row: OutboxRow): OutboxEvent[] {
  const always = unchanging(row);
  const logged = JSON.parse(`[${row.log}]`) as LoggedEvent[];
  const log = logged.map(eventThen);
  const sequences = row.sequences.split(',').map(Number);
  return row.positions.split(',').map((position, index) => {
    const sequence = sequences[index]!;
    const past = log.slice(0, sequence);
    const { type, moment } = past.at(-1)!;
    return {
      position,
      type,
      sequence,
      dateTime: moment,
      providerKey: row.providerKey,
      actionName: row.actionName,
      clientRequestId: row.clientRequestId,
      traceparent: row.traceparent,
      action: actionAfter(row, always, past),
    };
  });
}

/** Each event is part of several pictures: what they show of it is made once. */
function eventThen([type, status, changedStatus, at, appId, user, revert]: LoggedEvent) {
  const moment = new Date(at);
  const state: SecurityActionState = {
    appId,
    status,
    updatedDateTime: moment.toISOString(),
    user,
  };
  return { type, status, changedStatus, moment, state, revert };
}

type EventThen = ReturnType<typeof eventThen>;

/** The resource without what its events have told of it, but for its end: worked out once for all of them. */
function unchanging(row: LoggedAction): SecurityAction {
  const { createdDateTime } = row;
  return toSecurityAction({
    ...row,
    ...NO_REVERT,
    status: 'NotStarted',
    lastActionDateTime: createdDateTime,
    states: [],
    reportedAfterwards: null,
  });
}

const NO_REVERT = {
  revertDateTime: null,
  revertAfter: null,
  revertsActionId: null,
  revertedByActionId: null,
};

/** The resource as it was right after the last of these events, which are all until then. */
function actionAfter(row: LoggedAction, always: SecurityAction, past: EventThen[]): SecurityAction {
  const { status, state } = past.at(-1)!;
  const hasEnded = isTerminal(status);
  const wasReportedAfterwards = past.some(({ type }) => type === 'reportedAfterwards');
  const revert = {
    status,
    errorInfo: hasEnded ? row.errorInfo : null,
    completedDateTime: hasEnded ? row.completedDateTime : null,
    revertsActionId: row.revertsActionId,
    ...revertOf(past.findLast((event) => event.revert !== null)?.revert ?? null),
  };
  return {
    ...always,
    completedDateTime: hasEnded ? always.completedDateTime : null,
    errorInfo: hasEnded ? always.errorInfo : null,
    lastActionDateTime: state.updatedDateTime,
    states: past.filter(({ changedStatus }) => changedStatus).map((event) => event.state),
    status,
    ...shownRevert(revert),
    ...(wasReportedAfterwards && shownReport(row)),
  };
}

/** What the row said about its revert then; an action without an event about it had none. */
function revertOf(then: RevertState | null) {
  return {
    revertDateTime: then?.revertDateTime ? new Date(then.revertDateTime) : null,
    revertAfter: then?.revertAfter ?? null,
    revertedByActionId: then?.revertedByActionId ?? null,
  };
}

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
    positions,
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
