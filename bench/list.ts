import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource, type EntityManager } from 'typeorm';
import { findPage } from '#database/list.queries';
import type { Filter, ListQuery, OrderStep } from '#domain/list-query';
import { ensureDatabase, startPostgres } from '../dev/postgres/server.ts';
import { build, isBuilt } from '../dev/stack/build.ts';
import { runSetup } from '../dev/stack/setup.ts';
import { storeEnded } from './ended-actions.ts';

/*
 * `npm run bench:list`: what a page costs by how far down it is. On DATABASE_URL's server, in a database of its own,
 * or on a Postgres of its own. Prints a Markdown table.
 */

const TENANT = 'bench';
const ROWS = 200_000;
/** Of other tenants, lying between the tenant's own. */
const OTHER_ROWS = 100_000;
const PAGE_SIZE = 50;
const PAGES = 20;
/** Each page is timed so often; the median counts. */
const ROUNDS = 15;

interface Listing {
  name: string;
  filter: Filter | null;
  order: OrderStep[];
}

const failed: Filter = {
  kind: 'compare',
  operator: 'eq',
  left: { kind: 'action', path: 'status', type: 'status', nullable: false },
  right: { kind: 'literal', type: 'status', nullable: false, value: 'Failed' },
};
const LISTINGS: Listing[] = [
  { name: 'newest first', filter: null, order: [] },
  { name: "$filter=status eq 'Failed' (1 in 10)", filter: failed, order: [] },
  {
    name: '$orderby=createdDateTime',
    filter: null,
    order: [{ path: 'createdDateTime', descending: false }],
  },
  { name: '$orderby=name desc', filter: null, order: [{ path: 'name', descending: true }] },
];

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'security-actions-bench-'));
  const given = process.env['DATABASE_URL'];
  const server = given === undefined ? await startPostgres({ directory }) : undefined;
  try {
    await inOwnDatabase((database) => server?.url(database) ?? beside(given!, database), measure);
  } finally {
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function inOwnDatabase(
  urlOf: (database: string) => string,
  work: (database: EntityManager) => Promise<void>,
): Promise<void> {
  const name = `bench_${randomBytes(4).toString('hex')}`;
  await ensureDatabase(urlOf, name);
  if (!isBuilt()) await build();
  await runSetup(['migrate'], { ...process.env, DATABASE_URL: urlOf(name) });
  const connection = await connect(urlOf(name));
  try {
    await work(connection.manager);
  } finally {
    await connection.destroy();
    const admin = await connect(urlOf('postgres'));
    await admin.query(`DROP DATABASE "${name}" WITH (FORCE)`);
    await admin.destroy();
  }
}

/** One connection, so that nothing is timed but the statement. */
function connect(url: string): Promise<DataSource> {
  return new DataSource({ type: 'postgres', url, poolSize: 1 }).initialize();
}

async function measure(database: EntityManager): Promise<void> {
  // Of several tenants by turns, as they would come.
  const tenant = `CASE WHEN n % 3 < 2 THEN '${TENANT}' ELSE 'other-' || n % 7 END`;
  await storeEnded((sql, values) => database.query(sql, values), {
    count: ROWS + OTHER_ROWS,
    tenant,
    ageDays: 1,
  });
  console.log(
    `${PAGES} pages of ${PAGE_SIZE} out of ${ROWS} rows (${OTHER_ROWS} more of others), median of ${ROUNDS}\n`,
  );
  console.log('| List | First page, ms | Last page, ms | Last / first |');
  console.log('|---|---:|---:|---:|');
  for (const listing of LISTINGS) {
    const times = await timePages(database, listing);
    const [first, last] = [times[0]!, times.at(-1)!];
    const cells = [first.toFixed(1), last.toFixed(1), (last / first).toFixed(2)];
    console.log(`| ${listing.name} | ${cells.join(' | ')} |`);
  }
}

/** @returns the median of each page, in milliseconds */
async function timePages(database: EntityManager, { filter, order }: Listing): Promise<number[]> {
  const times: number[][] = Array.from({ length: PAGES }, () => []);
  // The first round warms the caches and is not counted.
  for (let round = 0; round <= ROUNDS; round += 1) {
    let query: ListQuery = { filter, order, after: null, skip: 0, limit: PAGE_SIZE };
    for (const ofPage of times) {
      const began = performance.now();
      const rows = await findPage(database, TENANT, query);
      if (round > 0) ofPage.push(performance.now() - began);
      const last = rows.at(-1)!;
      query = { ...query, after: { values: last.orderValues, position: last.position } };
    }
  }
  return times.map((ofPage) => ofPage.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)]!);
}

function beside(url: string, database: string): string {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.href;
}

await main();
