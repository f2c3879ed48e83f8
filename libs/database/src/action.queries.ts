import {
  type ActionReference,
  type ActionRow,
  type Database,
  actionColumns,
  workColumn,
} from './action-row.ts';
import type { SecurityActionEventEntity } from './entities/security-action-event.entity.ts';

/*
 * What the API reads. Every query takes the tenant first: another tenant's action does not exist.
 */

const selectRows = `SELECT ${actionColumns}, ${workColumn} FROM "security_action" a`;

/**
 * One action, or undefined if this tenant has none with the id (deleted ones are hidden). An id that a resend was
 * answered with stands for the action of the first sending: it comes under its own id.
 */
export async function findAction(
  database: Database,
  tenantId: string,
  id: string,
): Promise<ActionRow | undefined> {
  const rows: ActionRow[] = await database.query(
    `${selectRows}
      WHERE a."azureTenantId" = $1 AND a."deletedDateTime" IS NULL
        AND a."id" = coalesce((SELECT x."actionId" FROM "security_action_alias" x
              WHERE x."azureTenantId" = $1 AND x."aliasId" = $2), $2)`,
    [tenantId, id],
  );
  return rows[0];
}

/** An action, and the id by which it was asked for: its own or an alias. */
export interface FoundAction {
  askedFor: ActionReference;
  row: ActionRow;
}

/** The same for several at once, of any tenants: what is asked for together costs one query. */
export async function findActions(
  database: Database,
  references: ActionReference[],
): Promise<FoundAction[]> {
  const rows: (ActionRow & { askedForId: string })[] = await database.query(
    `SELECT ${actionColumns}, ${workColumn}, r."actionId" AS "askedForId"
       FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::uuid[])) r("azureTenantId", "actionId")
       LEFT JOIN "security_action_alias" x
         ON x."azureTenantId" = r."azureTenantId" AND x."aliasId" = r."actionId"
       JOIN "security_action" a ON a."azureTenantId" = r."azureTenantId"
        AND a."id" = coalesce(x."actionId", r."actionId")
      WHERE a."deletedDateTime" IS NULL`,
    [
      references.map((reference) => reference.azureTenantId),
      references.map((reference) => reference.actionId),
    ],
  );
  return rows.map(({ askedForId, ...row }) => ({
    askedFor: { azureTenantId: row.azureTenantId, actionId: askedForId },
    row,
  }));
}

/** Everything that happened to an action, oldest first. */
export async function findHistory(
  database: Database,
  tenantId: string,
  id: string,
): Promise<SecurityActionEventEntity[]> {
  return database.query(
    `SELECT * FROM "security_action_event"
      WHERE "azureTenantId" = $1 AND "actionId" = $2 ORDER BY "sequence"`,
    [tenantId, id],
  );
}
