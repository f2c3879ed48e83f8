import type { CreateCommand } from '#domain/command';
import {
  type ActionReference,
  type ActionRow,
  type Database,
  actionColumns,
  workColumn,
} from './action-row.ts';

/** A command whose client chose a key for it. */
export type KeyedCommand = CreateCommand & { idempotencyKey: string };

export function hasKey(command: CreateCommand): command is KeyedCommand {
  return typeof command.idempotencyKey === 'string';
}

/**
 * Takes the keys of commands, in the given order, and says whose they are now: whoever took one first has it for good,
 * also in a transaction of another worker, whose end is waited for. To be run in a READ COMMITTED transaction, before
 * any row of an action is locked; the keys are taken in one order by everybody, so that no two can wait for each other.
 * @returns for each command the action that its key stands for
 */
export async function claimKeys(
  database: Database,
  commands: KeyedCommand[],
): Promise<ActionReference[]> {
  if (commands.length === 0) return [];
  const keys = [
    commands.map(({ caller }) => caller.tenantId),
    commands.map(({ caller }) => caller.appId),
    commands.map(({ idempotencyKey }) => idempotencyKey),
  ];
  await database.query(CLAIM, [...keys, commands.map(({ action }) => action.id)]);
  // A statement of its own: only a fresh snapshot shows what another worker has committed meanwhile.
  return database.query(
    `SELECT k."azureTenantId", k."actionId" FROM unnest($1::text[], $2::text[], $3::text[])
         WITH ORDINALITY AS i("azureTenantId", "appId", "key", "ordinal")
       JOIN "idempotency_key" k ON k."azureTenantId" = i."azureTenantId" AND k."appId" = i."appId"
        AND k."key" = i."key"
      ORDER BY i."ordinal"`,
    keys,
  );
}

// That a key is used again is on record, and its row locked: it is not removed with its action as long as Kafka may bring
// this use of it once more. One row for each key: none can be changed twice by one statement.
const CLAIM = `
  INSERT INTO "idempotency_key" ("azureTenantId", "appId", "key", "actionId")
  SELECT DISTINCT ON ("azureTenantId" COLLATE "C", "appId" COLLATE "C", "key" COLLATE "C")
         "azureTenantId", "appId", "key", "actionId"
    FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[])
      WITH ORDINALITY AS i("azureTenantId", "appId", "key", "actionId", "ordinal")
   ORDER BY "azureTenantId" COLLATE "C", "appId" COLLATE "C", "key" COLLATE "C", "ordinal"
  ON CONFLICT ("azureTenantId", "appId", "key") DO UPDATE SET "usedDateTime" = now()`;

/** The action that a key stands for, also when it is deleted; undefined while none is stored. */
export async function findByKey(
  database: Database,
  { tenantId, appId }: { tenantId: string; appId: string },
  key: string,
): Promise<ActionRow | undefined> {
  const rows: ActionRow[] = await database.query(
    `SELECT ${actionColumns}, ${workColumn} FROM "idempotency_key" k
       JOIN "security_action" a ON a."azureTenantId" = k."azureTenantId" AND a."id" = k."actionId"
      WHERE k."azureTenantId" = $1 AND k."appId" = $2 AND k."key" = $3`,
    [tenantId, appId, key],
  );
  return rows[0];
}
