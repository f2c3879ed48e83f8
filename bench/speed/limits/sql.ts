import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { CreateCommand } from '#domain/command';
import type { Services } from '../../../dev/stack.ts';
import { withDatabase } from '../scratch.ts';
import { type Limit, metered, only, type Servers } from './limit.ts';
import { sampleCommand } from './sample-command.ts';

/** As many as the product stores in one transaction. */
const BATCH = 500;
/** What comes after the insert. */
const LATER_STATUSES = ['Running', 'Completed'];

const TABLES = `
  CREATE TABLE "action" (
    "tenant" text, "id" uuid, "status" text NOT NULL, "version" integer NOT NULL, "name" text NOT NULL,
    "target" uuid, "parameters" jsonb NOT NULL, "vendor" jsonb NOT NULL, "created" timestamptz NOT NULL,
    "changed" timestamptz NOT NULL, PRIMARY KEY ("tenant", "id")) WITH (fillfactor = 80);
  CREATE TABLE "event" (
    "tenant" text, "id" uuid, "sequence" integer, "status" text NOT NULL, "at" timestamptz NOT NULL,
    PRIMARY KEY ("tenant", "id", "sequence"));
  CREATE TABLE "copied" ("tenant" text, "id" uuid, "parameters" jsonb, "at" timestamptz)`;

const INSERT = `
  WITH inserted AS (
    INSERT INTO "action" SELECT i."tenant", i."id", 'NotStarted', 1, i."name", i."target", i."parameters",
        i."vendor", i."created", i."created"
      FROM unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[], $5::jsonb[], $6::jsonb[], $7::timestamptz[])
        AS i("tenant", "id", "name", "target", "parameters", "vendor", "created")
    ON CONFLICT DO NOTHING RETURNING "tenant", "id", "version", "status", "changed")
  INSERT INTO "event" SELECT "tenant", "id", "version", "status", "changed" FROM inserted`;

const MOVE = `
  WITH moved AS (
    UPDATE "action" a SET "status" = $3, "version" = a."version" + 1, "changed" = now()
      FROM unnest($1::text[], $2::uuid[]) AS i("tenant", "id")
     WHERE a."tenant" = i."tenant" AND a."id" = i."id"
    RETURNING a."tenant", a."id", a."version", a."status", a."changed")
  INSERT INTO "event" SELECT "tenant", "id", "version", "status", "changed" FROM moved`;

export interface SqlLimits {
  /** Inserted, moved to Running and to Completed, each with its line of history: three commits a batch. */
  transitions: Limit;
  /** One row, without an index, and with no regard to what is there. */
  copy: Limit;
}

/** What Postgres takes for an action at the least, on one connection. */
export function sqlLimits(services: Services, servers: Servers, count: number): Promise<SqlLimits> {
  const database = only(['postgres'], servers);
  return withDatabase(services, async (url) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query(TABLES);
      await transitions(client, makeBatches(Math.ceil(count / 4))); // Warms up: not counted.
      const batches = makeBatches(count);
      const lines = makeLines(count);
      return {
        transitions: await metered(database, count, true, () => transitions(client, batches)),
        copy: await metered(database, count, true, () => copy(client, lines)),
      };
    } finally {
      await client.end();
    }
  });
}

/** The columns of the actions of one batch. */
interface Batch {
  keys: string[][];
  others: (string | null)[][];
}

/** Made beforehand: the floor is what Postgres and its client take, and no more. */
function makeBatches(count: number): Batch[] {
  return Array.from({ length: Math.ceil(count / BATCH) }, (_, number) => {
    const first = number * BATCH;
    const size = Math.min(BATCH, count - first);
    return batchOf(Array.from({ length: size }, (_none, index) => sampleCommand(first + index)));
  });
}

function batchOf(commands: CreateCommand[]): Batch {
  return {
    keys: [commands.map(({ caller }) => caller.tenantId), commands.map(({ action }) => action.id)],
    others: [
      commands.map(({ action }) => action.name),
      commands.map(({ targetKey }) => targetKey),
      commands.map(({ action }) => JSON.stringify(action.parameters)),
      commands.map(({ action }) => JSON.stringify(action.vendorInformation)),
      commands.map(({ acceptedDateTime }) => acceptedDateTime),
    ],
  };
}

async function transitions(client: pg.Client, batches: readonly Batch[]): Promise<void> {
  for (const { keys, others } of batches) {
    await client.query({ name: 'insert', text: INSERT, values: [...keys, ...others] });
    for (const status of LATER_STATUSES) {
      await client.query({ name: 'move', text: MOVE, values: [...keys, status] });
    }
  }
}

/** A batch of lines at a time: one by one, the stream would cost more than the rows. */
function makeLines(count: number): string[] {
  return makeBatches(count).map(({ keys: [tenants, ids], others: [, , parameters, , times] }) => {
    const line = (id: string, index: number) =>
      `${[tenants![index], id, parameters![index], times![index]].join('\t')}\n`;
    return ids!.map(line).join('');
  });
}

async function copy(client: pg.Client, lines: readonly string[]): Promise<void> {
  await pipeline(Readable.from(lines), client.query(copyFrom('COPY "copied" FROM STDIN')));
}
