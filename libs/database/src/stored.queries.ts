import type { ActionReference, Database } from './action-row.ts';

/** An action that is on record, be it deleted. */
export interface StoredAction extends ActionReference {
  /** Never before it was accepted, whatever the clocks; null while it is not deleted. */
  deletedDateTime: Date | null;
}

/** Those of the actions that are stored. */
export async function findStored(
  database: Database,
  references: ActionReference[],
): Promise<StoredAction[]> {
  if (references.length === 0) return [];
  return database.query(
    `SELECT a."azureTenantId", a."id" AS "actionId",
            CASE WHEN a."deletedDateTime" IS NOT NULL THEN a."lastActionDateTime" END AS "deletedDateTime"
       FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::uuid[])) r("azureTenantId", "actionId")
       JOIN "security_action" a ON a."azureTenantId" = r."azureTenantId" AND a."id" = r."actionId"`,
    [
      references.map((reference) => reference.azureTenantId),
      references.map((reference) => reference.actionId),
    ],
  );
}
