import type { EventType } from '#domain/event';
import { isTerminal } from '#domain/status';
import type { SecurityAction } from '#domain/security-action';
import { type ActionRow, type Database, actionColumns, toSecurityAction } from './action-row.ts';
import type {
  RevertState,
  SecurityActionEventEntity,
} from './entities/security-action-event.entity.ts';

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

/**
 * The oldest events of the outbox, in the order in which they must be published. What belongs to each is looked up by its
 * key (LIMIT 1 sees to that): a join would be planned for a full outbox, and read all events there ever were for a few.
 * @param without actions whose events are passed over
 */
export async function readOutbox(
  database: Database,
  limit: number,
  without: readonly string[] = [],
): Promise<OutboxEvent[]> {
  const rows: (ActionRow & {
    event: Pick<SecurityActionEventEntity, 'type' | 'status' | 'sequence'>;
    outboxPosition: string;
    eventDateTime: Date;
    wasReportedAfterwards: boolean;
    revertThen: RevertState | null;
  })[] = await database.query(
    `SELECT ${actionColumns('o."sequence"')}, o."position" AS "outboxPosition",
            e."dateTime" AS "eventDateTime",
            jsonb_build_object('type', e."type", 'status', e."status", 'sequence', e."sequence")
              AS "event",
            a."reportedAfterwards" IS NOT NULL AND EXISTS (
              SELECT FROM "security_action_event" l
               WHERE l."azureTenantId" = o."azureTenantId" AND l."actionId" = o."actionId"
                 AND l."sequence" <= o."sequence" AND l."type" = 'reportedAfterwards')
              AS "wasReportedAfterwards",
            (SELECT r."revert" FROM "security_action_event" r
              WHERE r."azureTenantId" = o."azureTenantId" AND r."actionId" = o."actionId"
                AND r."sequence" <= o."sequence" AND r."revert" IS NOT NULL
              ORDER BY r."sequence" DESC LIMIT 1) AS "revertThen"
       FROM (SELECT * FROM "outbox" WHERE "actionId" <> ALL($2::uuid[])
              ORDER BY "position" LIMIT $1) o
      CROSS JOIN LATERAL (
        SELECT * FROM "security_action_event" e
         WHERE e."azureTenantId" = o."azureTenantId" AND e."actionId" = o."actionId"
           AND e."sequence" = o."sequence" LIMIT 1) e
      CROSS JOIN LATERAL (
        SELECT * FROM "security_action" a
         WHERE a."azureTenantId" = o."azureTenantId" AND a."id" = o."actionId" LIMIT 1) a
      ORDER BY o."position"`,
    [limit, without],
  );
  return rows.map(({ event, outboxPosition, eventDateTime, wasReportedAfterwards, ...row }) => ({
    position: outboxPosition,
    type: event.type,
    sequence: event.sequence,
    dateTime: eventDateTime,
    providerKey: row.providerKey,
    actionName: row.actionName,
    clientRequestId: row.clientRequestId,
    traceparent: row.traceparent,
    action: toSecurityAction({
      ...row,
      ...revertOf(row.revertThen),
      status: event.status,
      errorInfo: isTerminal(event.status) ? row.errorInfo : null,
      lastActionDateTime: eventDateTime,
      completedDateTime: isTerminal(event.status) ? row.completedDateTime : null,
      reportedAfterwards: wasReportedAfterwards ? row.reportedAfterwards : null,
    }),
  }));
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
  const [, count]: [unknown[], number] = await database.query(
    `DELETE FROM "outbox" WHERE "position" = ANY($1::bigint[])
       AND EXISTS (SELECT FROM "relay_lease"
                    WHERE "name" = $2 AND "owner" = $3 AND "epoch" = $4)`,
    [positions, RELAY, lease.owner, lease.epoch],
  );
  return count > 0;
}
