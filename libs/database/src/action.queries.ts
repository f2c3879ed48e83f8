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

const selectRows = `SELECT ${actionColumns()}, ${workColumn} FROM "security_action" a`;

/** One action, or undefined if this tenant has none with the id (deleted ones are hidden). */
export async function findAction(
  database: Database,
  tenantId: string,
  id: string,
): Promise<ActionRow | undefined> {
  const rows: ActionRow[] = await database.query(
    `${selectRows} WHERE a."azureTenantId" = $1 AND a."id" = $2 AND a."deletedDateTime" IS NULL`,
    [tenantId, id],
  );
  return rows[0];
}

/** The same for several at once, of any tenants: what is asked for together costs one query. */
export async function findActions(
  database: Database,
  references: ActionReference[],
): Promise<ActionRow[]> {
  return database.query(
    `${selectRows}
       JOIN (SELECT DISTINCT * FROM unnest($1::text[], $2::uuid[])) r("azureTenantId", "actionId")
         ON a."azureTenantId" = r."azureTenantId" AND a."id" = r."actionId"
      WHERE a."deletedDateTime" IS NULL`,
    [
      references.map((reference) => reference.azureTenantId),
      references.map((reference) => reference.actionId),
    ],
  );
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
