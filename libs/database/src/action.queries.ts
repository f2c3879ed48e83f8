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

/** Newest first, from below a position (exclusive) or from the newest. */
export async function findPage(
  database: Database,
  tenantId: string,
  page: { below: string | null; limit: number },
): Promise<ActionRow[]> {
  return database.query(
    `${selectRows}
      WHERE a."azureTenantId" = $1 AND a."deletedDateTime" IS NULL
        AND a."position" < coalesce($2::bigint, 9223372036854775807)
      ORDER BY a."position" DESC LIMIT $3`,
    [tenantId, page.below, page.limit],
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

/** How many actions the tenant has. */
export async function countActions(database: Database, tenantId: string): Promise<number> {
  const rows: { count: string }[] = await database.query(
    `SELECT count(*) FROM "security_action" WHERE "azureTenantId" = $1 AND "deletedDateTime" IS NULL`,
    [tenantId],
  );
  return Number(rows[0]?.count);
}
