import type { Filter, ListQuery, OrderValue } from '#domain/list-query';
import { type ActionRow, type Database, actionColumns, workColumn } from './action-row.ts';
import { filterSql } from './filter-sql.ts';
import { afterSql, orderSql, orderValuesSql } from './order-sql.ts';
import { SqlValues } from './property-sql.ts';

/*
 * Lists and counts. The tenant comes first, and nothing a client wrote is part of a statement: names come from
 * `libs/database/src/property-sql.ts`, values are parameters.
 */

/** A row of a page, with what a page that goes on after it must be told. */
export interface PageRow extends ActionRow {
  orderValues: OrderValue[];
}

/**
 * One page. In the order that is the default, newest first, it reads no more rows than it returns, however far
 * down it is (without a filter); any other order sorts the tenant's matching actions for each page.
 */
export async function findPage(
  database: Database,
  tenantId: string,
  { filter, order, after, skip, limit }: ListQuery,
): Promise<PageRow[]> {
  const values = new SqlValues();
  const conditions = [ownSql(tenantId, values)];
  if (filter) conditions.push(filterSql(filter, values));
  if (after) conditions.push(afterSql(order, after, values));
  // The page is cut out first: everything else is then looked up for its rows only.
  const page = `
    SELECT a.* FROM "security_action" a
     WHERE ${conditions.join(' AND ')}
     ORDER BY ${orderSql(order)}
     LIMIT ${values.add(limit, 'bigint')} OFFSET ${values.add(skip, 'bigint')}`;
  return database.query(
    `SELECT ${actionColumns}, ${workColumn}, ${orderValuesSql(order)} AS "orderValues"
       FROM (${page}) a ORDER BY ${orderSql(order)}`,
    values.values,
  );
}

/** How many actions the tenant has; with a filter, how many it selects. */
export async function countActions(
  database: Database,
  tenantId: string,
  filter: Filter | null = null,
): Promise<number> {
  const values = new SqlValues();
  const conditions = [ownSql(tenantId, values)];
  if (filter) conditions.push(filterSql(filter, values));
  const rows: { count: string }[] = await database.query(
    `SELECT count(*) FROM "security_action" a WHERE ${conditions.join(' AND ')}`,
    values.values,
  );
  return Number(rows[0]?.count);
}

function ownSql(tenantId: string, values: SqlValues): string {
  return `a."azureTenantId" = ${values.add(tenantId, 'text')} AND a."deletedDateTime" IS NULL`;
}
