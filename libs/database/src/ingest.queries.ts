import type { ReadCommand } from '#domain/command';
import { isoText } from '#domain/iso-text';
import { type ActionReference, type Database, toSecurityAction } from './action-row.ts';
import type { Claim, ClaimLease, ClaimRoom } from './claim.queries.ts';
import type { Answer, Statement } from './impatient-client.ts';
import { plainArray, textArray } from './array-text.ts';
import { prepared } from './prepared.ts';
import { NEXT_POSITION, recordEvents, revertState } from './record-events.ts';
import { standingHold } from './standing-hold.ts';

/** An action that was not there before. */
export interface InsertedAction extends ActionReference {
  /** What made it. */
  command: ReadCommand;
  targetKey: string | null;
  /** It is the first on its target, or has none. */
  ready: boolean;
  /** Set when a timer made it. */
  revertsActionId: string | null;
  /** Set when it was started at once. */
  claim: Claim | null;
  /** Of its events in the outbox; `started` if it was started at once. */
  positions: { created: string; started: string | null };
}

/** Which new actions may start as they are stored, and the lease for those that do. */
interface Starts extends ClaimLease, Pick<ClaimRoom, 'repeatable'> {
  commands: ReadonlySet<ReadCommand>;
}

/** What is known of a batch before it is stored. */
export interface InsertOptions {
  /** The first of the batch on their targets. */
  heads: ReadonlySet<ReadCommand>;
  starts?: Starts | undefined;
  /** Stores nothing at all if an action was made from a resend after this moment. */
  unlessResentAfter?: Date;
  /**
   * Stores nothing at all unless each of them would start at once. What is stored already and over does not count, what is
   * under way on its target does: it is in the way.
   */
  onlyIfAllStart?: boolean;
}

/**
 * Stores new actions in the given order, with their first event and their work; what is stored already stays as it is.
 * Of `heads`, the first of the batch on their targets, those are ready that find their target empty; for the others see
 * `promoteHeads`, which must follow in the same transaction. Of `starts`, those are started that nothing is before: no
 * action on their target, none that waits for their provider, no hold. They are as if they had been claimed right
 * afterwards, at a fraction of the cost; `shareHoldGuard` and `refuseIfHeld` must follow, too.
 */
export async function insertActions(
  database: Database,
  commands: ReadCommand[],
  options: InsertOptions,
): Promise<InsertedAction[]> {
  const { text, values } = insertion(commands, options);
  return insertedBy(await database.query(text, values), commands);
}

/** The statement of `insertActions`, to be sent along with others. What it answers is for `insertedBy`. */
export function insertion(
  commands: ReadCommand[],
  { heads, starts, unlessResentAfter, onlyIfAllStart = false }: InsertOptions,
): Statement {
  const values = [
    textArray(commands.map((command) => command.caller.tenantId)),
    plainArray(commands.map((command) => command.action.id)),
    textArray(commands.map((command) => command.provider.key)),
    textArray(commands.map((command) => command.provider.action)),
    plainArray(commands.map((command) => command.targetKey)),
    textArray(commands.map((command) => command.action.name)),
    textArray(commands.map((command) => command.action.actionReason)),
    textArray(commands.map((command) => command.caller.appId)),
    textArray(commands.map((command) => command.caller.user)),
    textArray(commands.map((command) => command.action.clientContext)),
    textArray(commands.map((command) => command.clientRequestId)),
    plainArray(commands.map((command) => command.resendKey)),
    textArray(commands.map((command) => JSON.stringify(command.action.parameters))),
    textArray(commands.map((command) => JSON.stringify(command.action.vendorInformation))),
    textArray(commands.map((command) => JSON.stringify(command.action.properties))),
    plainArray(commands.map((command) => command.acceptedDateTime)),
    plainArray(commands.map((command) => command.action.revertDateTime ?? null)),
    // Its seconds may have a decimal comma.
    textArray(commands.map((command) => command.action.revertAfter ?? null)),
    plainArray(commands.map((command) => command.action.revertsActionId ?? null)),
    plainArray(commands.map((command) => command.traceparent ?? null)),
    plainArray(commands.map((command) => command.isResend ?? false)),
    plainArray(commands.map((command) => heads.has(command))),
    plainArray(commands.map((command) => starts?.commands.has(command) ?? false)),
    starts?.owner ?? null,
    starts?.leaseMs ?? null,
    [...(starts?.repeatable ?? [])],
    unlessResentAfter ?? null,
    onlyIfAllStart,
  ];
  return { text: INSERT, values };
}

/** @param rows what `insertion` of these commands has answered */
export function insertedBy(rows: Answer['rows'], commands: ReadCommand[]): InsertedAction[] {
  return (rows as InsertedRow[]).map((row) => insertedAction(commands[row.ordinal - 1]!, row));
}

/** What Postgres says of a new action: nothing that its command says. */
interface InsertedRow {
  /** Of its command, from 1 on. */
  ordinal: number;
  ready: boolean;
  attemptId: string | null;
  createdDateTime: Date;
  lastActionDateTime: Date;
  revertDateTime: Date | null;
  createdPosition: string;
  startedPosition: string | null;
}

function insertedAction(command: ReadCommand, row: InsertedRow): InsertedAction {
  const { caller, action, targetKey } = command;
  const inserted = {
    command,
    azureTenantId: caller.tenantId,
    // As Postgres gives ids, however the command spells them.
    actionId: action.id.toLowerCase(),
    targetKey: targetKey && targetKey.toLowerCase(),
    ready: row.ready,
    revertsActionId: action.revertsActionId?.toLowerCase() ?? null,
    positions: { created: row.createdPosition, started: row.startedPosition },
  };
  const claim = row.attemptId === null ? null : firstClaim(inserted, command, row, row.attemptId);
  return { ...inserted, claim };
}

/** The claim of an action that was started as it was stored. */
function firstClaim(
  { azureTenantId, actionId, targetKey, revertsActionId }: Omit<InsertedAction, 'claim'>,
  { caller, provider, action, traceparent }: ReadCommand,
  { createdDateTime, lastActionDateTime, revertDateTime }: InsertedRow,
  attemptId: string,
): Claim {
  const { appId, user } = caller;
  return {
    azureTenantId,
    actionId,
    providerKey: provider.key,
    actionName: provider.action,
    targetKey,
    attemptId,
    attempt: 1,
    next: 'call',
    probes: 0,
    mayHaveActed: false,
    awaitingReport: false,
    unavailableMs: null,
    traceparent: traceparent ?? null,
    action: toSecurityAction({
      ...action,
      id: actionId,
      azureTenantId,
      appId,
      user,
      status: 'Running',
      states: [
        {
          appId,
          status: 'NotStarted',
          updatedDateTime: isoText(createdDateTime),
          user,
        },
        {
          appId: null,
          status: 'Running',
          updatedDateTime: isoText(lastActionDateTime),
          user: null,
        },
      ],
      errorInfo: null,
      createdDateTime,
      lastActionDateTime,
      completedDateTime: null,
      reportedAfterwards: null,
      revertDateTime,
      revertAfter: action.revertAfter ?? null,
      revertsActionId,
      revertedByActionId: null,
    }),
  };
}

/*
 * The positions of actions are taken row by row in the order of the input (the sort is below the default), and only once
 * the row before has passed its conflict check. So of two workers with the same messages, as when one is taken
 * for dead and is not, none can number a later command below an earlier one.
 *
 * The conflict is said by its key: positions cannot be there twice, and without it each would be looked for.
 *
 * Work on a target that another transaction is about to end still counts: what comes after it takes the usual way, by
 * `promoteHeads`, which locks and so sees better. New work on a target comes from its one partition only, so none can be
 * about to appear.
 */
const INSERT = prepared(`
  WITH idle AS MATERIALIZED (
    SELECT p."providerKey"
      FROM (SELECT DISTINCT "providerKey" FROM unnest($3::text[], $23::boolean[]) AS u("providerKey", "mayStart")
             WHERE "mayStart") p
     WHERE (SELECT true FROM "security_action_work" w
             WHERE w."ready" AND w."leaseOwner" IS NULL AND w."providerKey" = p."providerKey"
             ORDER BY w."azureTenantId", w."actionName", w."dueDateTime" LIMIT 1) IS NULL
  ),
  resent AS MATERIALIZED (
    SELECT true AS "one" FROM "security_action" WHERE "isResend" AND "createdDateTime" > $27::timestamptz
     ORDER BY "createdDateTime" DESC LIMIT 1
  ),
  judged AS MATERIALIZED (
    SELECT p.*, CASE WHEN p."ready" AND p."mayStart" THEN
             p."providerKey" IN (SELECT "providerKey" FROM idle)
             AND NOT EXISTS (${standingHold('p')})
           ELSE false END AS "starts"
      FROM (
        SELECT i.*, i."isHead" AND (i."targetKey" IS NULL
                 OR (SELECT true FROM "security_action_work" w
                      WHERE w."azureTenantId" = i."azureTenantId" AND w."targetKey" = i."targetKey"
                      ORDER BY w."position" LIMIT 1) IS NULL) AS "ready"
          FROM unnest(
            $1::text[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::text[], $12::uuid[], $13::jsonb[], $14::jsonb[], $15::jsonb[],
            $16::timestamptz[], $17::timestamptz[], $18::text[], $19::uuid[], $20::text[], $21::boolean[],
            $22::boolean[], $23::boolean[]
          ) WITH ORDINALITY AS i("azureTenantId", "actionId", "providerKey", "actionName", "targetKey", "name",
            "actionReason", "appId", "user", "clientContext", "clientRequestId", "resendKey", "parameters",
            "vendorInformation", "properties", "acceptedDateTime", "revertDateTime", "revertAfter",
            "revertsActionId", "traceparent", "isResend", "isHead", "mayStart", "ordinal")
         WHERE NOT EXISTS (SELECT FROM resent)
        OFFSET 0) p
     ORDER BY p."ordinal"
  ),
  inserted AS (
    INSERT INTO "security_action" ("azureTenantId", "id", "version", "status", "providerKey",
      "actionName", "targetKey", "name", "actionReason", "appId", "user", "clientContext",
      "clientRequestId", "resendKey", "parameters", "vendorInformation", "properties",
      "revertDateTime", "revertAfter", "revertsActionId", "createdDateTime", "lastActionDateTime",
      "traceparent", "isResend")
    SELECT "azureTenantId", "actionId", CASE WHEN "starts" THEN 2 ELSE 1 END,
      CASE WHEN "starts" THEN 'Running' ELSE 'NotStarted' END, "providerKey",
      "actionName", "targetKey", "name", "actionReason", "appId", "user", "clientContext",
      "clientRequestId", "resendKey", "parameters", "vendorInformation", "properties",
      "revertDateTime", "revertAfter", "revertsActionId", "acceptedDateTime",
      CASE WHEN "starts" THEN greatest(clock_timestamp(), "acceptedDateTime") ELSE "acceptedDateTime" END,
      "traceparent", "isResend"
    FROM judged WHERE NOT $28::boolean OR (SELECT bool_and("starts") FROM judged) ORDER BY "ordinal"
    ON CONFLICT ("azureTenantId", "id") DO NOTHING
    RETURNING "azureTenantId", "id", "position", "createdDateTime", "lastActionDateTime", "revertDateTime",
      "revertAfter", "revertedByActionId"
  ),
  born AS MATERIALIZED (
    SELECT a.*, j."ordinal", j."providerKey", j."actionName", j."targetKey", j."appId", j."user", j."ready",
           CASE WHEN j."starts" THEN gen_random_uuid() END AS "attemptId",
           ${NEXT_POSITION} AS "createdPosition", CASE WHEN j."starts" THEN ${NEXT_POSITION} END AS "startedPosition"
      FROM inserted a
      JOIN (SELECT DISTINCT ON ("azureTenantId", "actionId") "azureTenantId", "actionId", "ordinal",
                   "providerKey", "actionName", "targetKey", "appId", "user", "ready", "starts"
              FROM judged ORDER BY "azureTenantId", "actionId", "ordinal") j
        ON j."azureTenantId" = a."azureTenantId" AND j."actionId" = a."id"
  ),
  happened AS (
    SELECT "azureTenantId", "id" AS "actionId", 1 AS "version", 'created' AS "type",
      'NotStarted' AS "status", true AS "changedStatus", "createdDateTime" AS "dateTime",
      NULL::integer AS "attempt", NULL::uuid AS "attemptId", "appId", "user", NULL::jsonb AS "errorInfo",
      CASE WHEN num_nonnulls("revertDateTime", "revertAfter") > 0 THEN ${revertState('born')} END AS "revert",
      "createdPosition" AS "position"
    FROM born
    UNION ALL
    SELECT "azureTenantId", "id", 2, 'started', 'Running', true, "lastActionDateTime", 1,
      "attemptId", NULL, NULL, NULL, NULL, "startedPosition"
    FROM born WHERE "attemptId" IS NOT NULL
  ),
  ${recordEvents('happened', { withRevert: true, withPosition: true })},
  timer AS (
    INSERT INTO "security_action_revert" ("azureTenantId", "actionId", "providerKey", "lookDateTime")
    SELECT "azureTenantId", "id", "providerKey", now() FROM born
     WHERE num_nonnulls("revertDateTime", "revertAfter") > 0
  ),
  work AS (
    INSERT INTO "security_action_work"
      ("azureTenantId", "actionId", "position", "providerKey", "actionName", "targetKey", "ready",
       "dueDateTime", "acceptedDateTime", "attempt", "attemptId", "leaseOwner", "leaseUntil", "repeatable")
    SELECT "azureTenantId", "id", "position", "providerKey", "actionName", "targetKey",
      "ready", now(), "createdDateTime",
      CASE WHEN "attemptId" IS NULL THEN 0 ELSE 1 END, "attemptId",
      CASE WHEN "attemptId" IS NOT NULL THEN $24::text END,
      CASE WHEN "attemptId" IS NOT NULL THEN clock_timestamp() + $25::integer * interval '1 ms' END,
      CASE WHEN "attemptId" IS NOT NULL THEN "providerKey" = ANY($26::text[]) END
    FROM born
  )
  SELECT "ordinal"::integer, "ready", "attemptId", "createdDateTime", "lastActionDateTime", "revertDateTime",
         "createdPosition", "startedPosition"
    FROM born ORDER BY "position"`);
