import { type CreateCommand, receivedMs } from '#domain/command';
import { type SentAction, resendWindowMs } from '#domain/resends';
import type { Database } from './action-row.ts';

/** A command that makes no action of its own: its id stands for the action that an earlier sending has made. */
export interface Alias {
  command: CreateCommand;
  actionId: string;
}

/** What is stored and has to do with commands of which some may be resends. */
export interface EarlierSendings {
  /** Of the commands those that are actions, by `keyOfCommand`. */
  actionIds: Set<string>;
  /** Those that are aliases. */
  aliasIds: Set<string>;
  /** What they may be further sendings of, in log order. */
  candidates: SentAction[];
}

type SentRow = Omit<SentAction, 'acceptedMs'> & { createdDateTime: Date };

const SENT = `a."azureTenantId", a."id", a."targetKey", a."resendKey", a."createdDateTime", a."isResend", a."position"`;

/** When the first of these commands was received: what was made from a resend of one of them was made after that. */
export function earliestReceived(commands: CreateCommand[]): Date {
  return new Date(Math.min(...commands.map(receivedMs)));
}

/** The actions that were made from a resend, while the create itself, one of these commands, was still on its way. */
export async function findOvertakers(
  database: Database,
  commands: CreateCommand[],
): Promise<SentAction[]> {
  const received = commands.map(receivedMs);
  const rows: SentRow[] = await database.query(
    `SELECT ${SENT} FROM unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::integer[])
         AS i("azureTenantId", "resendKey", "receivedDateTime", "windowMs")
       JOIN "security_action" a ON a."azureTenantId" = i."azureTenantId" AND a."resendKey" = i."resendKey"
        AND a."isResend" AND a."createdDateTime" > i."receivedDateTime"
        AND a."createdDateTime" <= i."receivedDateTime" + i."windowMs" * interval '1 ms'
      ORDER BY a."position"`,
    [
      commands.map(({ caller }) => caller.tenantId),
      commands.map(({ resendKey }) => resendKey),
      received.map((ms) => new Date(ms)),
      commands.map(resendWindowMs),
    ],
  );
  return rows.map(sentAction);
}

/**
 * What of these commands is stored, and for each that says to be a resend what is newest on its target; without a target,
 * the newest equal one. One statement, so that all of it is of one moment: a worker that was taken for dead may just be
 * committing the same commands.
 */
export async function findEarlierSendings(
  database: Database,
  commands: CreateCommand[],
): Promise<EarlierSendings> {
  const rows: (SentRow & { kind: 'action' | 'alias' | 'candidate' })[] = await database.query(
    FIND_EARLIER_SENDINGS,
    [
      commands.map(({ caller }) => caller.tenantId),
      commands.map(({ action }) => action.id),
      commands.map(({ targetKey }) => targetKey),
      commands.map(({ resendKey }) => resendKey),
      commands.map(({ acceptedDateTime }) => acceptedDateTime),
      commands.map(resendWindowMs),
      commands.map(({ isResend }) => isResend ?? false),
    ],
  );
  const idsOf = (kind: string) =>
    new Set(rows.filter((row) => row.kind === kind).map((row) => keyOf(row.azureTenantId, row.id)));
  return {
    actionIds: idsOf('action'),
    aliasIds: idsOf('alias'),
    candidates: rows.filter(({ kind }) => kind === 'candidate').map(sentAction),
  };
}

const FIND_EARLIER_SENDINGS = `
  WITH i AS (
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::integer[],
        $7::boolean[])
      AS i("azureTenantId", "id", "targetKey", "resendKey", "acceptedDateTime", "windowMs", "isResend")
  )
  SELECT 'action' AS "kind", ${SENT} FROM i JOIN "security_action" a
      ON a."azureTenantId" = i."azureTenantId" AND a."id" = i."id"
  UNION ALL
  SELECT 'alias', x."azureTenantId", x."aliasId", NULL, NULL, NULL, NULL, NULL
    FROM i JOIN "security_action_alias" x
      ON x."azureTenantId" = i."azureTenantId" AND x."aliasId" = i."id"
  UNION ALL
  SELECT 'candidate', newest.* FROM i CROSS JOIN LATERAL (
    SELECT ${SENT} FROM "security_action" a
     WHERE a."azureTenantId" = i."azureTenantId" AND a."targetKey" = i."targetKey"
     ORDER BY a."position" DESC LIMIT 1) newest
   WHERE i."isResend" AND i."targetKey" IS NOT NULL
  UNION ALL
  SELECT 'candidate', newest.* FROM i CROSS JOIN LATERAL (
    SELECT ${SENT} FROM "security_action" a
     WHERE a."azureTenantId" = i."azureTenantId" AND a."resendKey" = i."resendKey" AND a."targetKey" IS NULL
       AND a."createdDateTime" BETWEEN i."acceptedDateTime" - i."windowMs" * interval '1 ms'
                                   AND i."acceptedDateTime" + i."windowMs" * interval '1 ms'
     ORDER BY a."position" DESC LIMIT 1) newest
   WHERE i."isResend" AND i."targetKey" IS NULL
  ORDER BY "position"`;

/** Keeps the ids of further sendings; one that is kept already stays as it is. @returns those that were not */
export async function insertAliases(database: Database, aliases: Alias[]): Promise<Alias[]> {
  if (aliases.length === 0) return [];
  const rows: { azureTenantId: string; aliasId: string }[] = await database.query(
    `INSERT INTO "security_action_alias" ("azureTenantId", "aliasId", "actionId", "acceptedDateTime")
     SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::timestamptz[])
     ON CONFLICT DO NOTHING RETURNING "azureTenantId", "aliasId"`,
    [
      aliases.map(({ command }) => command.caller.tenantId),
      aliases.map(({ command }) => command.action.id),
      aliases.map(({ actionId }) => actionId),
      aliases.map(({ command }) => command.acceptedDateTime),
    ],
  );
  const inserted = new Set(rows.map(({ azureTenantId, aliasId }) => keyOf(azureTenantId, aliasId)));
  return aliases.filter(({ command }) => inserted.has(keyOfCommand(command)));
}

/** By what a command is found in the sets of `EarlierSendings`. */
export function keyOfCommand({ caller, action }: CreateCommand): string {
  return keyOf(caller.tenantId, action.id);
}

/** An id says nothing beyond its tenant. */
function keyOf(azureTenantId: string, id: string): string {
  return JSON.stringify([azureTenantId, id.toLowerCase()]);
}

function sentAction({ createdDateTime, ...row }: SentRow): SentAction {
  return { ...row, acceptedMs: createdDateTime.getTime() };
}
