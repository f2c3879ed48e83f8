import type { EventType } from '#domain/event';
import { isoText } from '#domain/iso-text';
import { shownRevert } from '#domain/revert';
import type { SecurityAction } from '#domain/security-action';
import { type Status, isTerminal } from '#domain/status';
import {
  type ActionRow,
  type Database,
  keyOfAction,
  shownReport,
  toSecurityAction,
} from './action-row.ts';
import type { RevertState } from './entities/security-action-event.entity.ts';
import type { OutboxEvent, OutboxPlace } from './outbox-event.ts';
import { prepared } from './prepared.ts';

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
interface LoggedRow extends LoggedAction {
  /** Of its places among those asked for, from 1 on. */
  at: number;
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
 * Reads the events at these places, in any order. An action and its log are read once for all its events among them, and by
 * their keys (LIMIT 1 sees to that): a join would be planned for a full outbox, and read all events there ever were for a few.
 * What a worker has just committed it does not read (`KnownEvents`): what an event shows is put together there, too.
 */
export async function readEvents(
  database: Database,
  places: readonly OutboxPlace[],
): Promise<OutboxEvent[]> {
  const byAction = [...Map.groupBy(places, keyOfAction).values()];
  const rows: LoggedRow[] = await database.query(READ, [
    byAction.map(([first]) => first!.azureTenantId),
    byAction.map(([first]) => first!.actionId),
    byAction.map((some) => Math.max(...some.map(({ sequence }) => sequence))),
  ]);
  return rows.flatMap((row) => eventsOf(row, byAction[row.at - 1]!));
}

const READ = prepared(`
  SELECT ${SHOWN.map((column) => `a."${column}"`).join(', ')}, o."at"::integer, (
            SELECT string_agg(JSON_ARRAY(e."type", e."status", e."changedStatus", e."dateTime", e."appId",
                     e."user", e."revert" NULL ON NULL RETURNING text), ',' ORDER BY e."sequence")
              FROM "security_action_event" e
             WHERE e."azureTenantId" = o."azureTenantId" AND e."actionId" = o."actionId"
               AND e."sequence" <= o."last") AS "log"
     FROM unnest($1::text[], $2::uuid[], $3::integer[])
          WITH ORDINALITY AS o("azureTenantId", "actionId", "last", "at")
    CROSS JOIN LATERAL (
      SELECT * FROM "security_action" a
       WHERE a."azureTenantId" = o."azureTenantId" AND a."id" = o."actionId" LIMIT 1) a`);

function eventsOf(row: LoggedRow, places: OutboxPlace[]): OutboxEvent[] {
  const always = unchanging(row);
  const logged = JSON.parse(`[${row.log}]`) as LoggedEvent[];
  const log = logged.map(eventThen);
  return places.map(({ position, sequence }) => {
    const past = log.slice(0, sequence);
    const { type, state } = past.at(-1)!;
    return {
      position,
      type,
      sequence,
      dateTime: state.updatedDateTime,
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
  const state = { appId, status, updatedDateTime: isoText(new Date(at)), user };
  return { type, status, changedStatus, state, revert };
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
