import { once } from 'node:events';
import { type AddressInfo, type Server, createServer } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '#database/data-source';
import { ImpatientClient } from '#database/impatient-client';
import { sentWithNext } from '#database/sent-with-next';
import { isTransient } from '#database/sqlstate';
import { TestDatabase } from '../support/database.ts';

describe('a connection whose query was not answered in time', () => {
  let database: TestDatabase;
  let dataSource: DataSource;

  beforeAll(async () => {
    database = await TestDatabase.create();
    const settings = Object.assign({}, database.settings, { DATABASE_STATEMENT_TIMEOUT_MS: 500 });
    const pool = { applicationName: 'impatient', connectionsMax: 3 };
    dataSource = await new DataSource(dataSourceOptions(settings, pool)).initialize();
  });
  afterAll(async () => {
    await dataSource?.destroy();
    await database?.drop();
  });

  const pids = async () =>
    (
      await database.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'
            AND pid <> pg_backend_pid()`,
      )
    ).map(({ pid }) => pid);

  it('is closed, so that nobody works on inside its transaction', async () => {
    const hung = dataSource.transaction(async (manager) => {
      await manager.query(`INSERT INTO relay_lease VALUES ('hung', 'nobody', 1, now())`);
      // As on a server that hangs: its own time-out does not come first.
      await manager.query('SET LOCAL statement_timeout = 0');
      await manager.query('SELECT pg_sleep(5)');
    });
    const failure = await hung.catch((error: unknown) => error);
    expect(failure).toMatchObject({
      message: expect.stringMatching(/Query read timeout|terminated/),
    });
    expect(isTransient(failure)).toBe(true);
    // Every connection of the pool is asked: none is inside the abandoned transaction.
    const seen = await Promise.all(
      Array.from({ length: 10 }, () =>
        dataSource.transaction((manager) =>
          manager.query(`SELECT count(*)::int AS count FROM relay_lease`),
        ),
      ),
    );
    expect(seen.flat()).toEqual(Array.from({ length: 10 }, () => ({ count: 0 })));
    await expect.poll(pids, { timeout: 40_000 }).toEqual([]);
    expect(await database.query('SELECT * FROM relay_lease')).toEqual([]);
  });
});

describe('a statement that is sent with the next', () => {
  let database: TestDatabase;
  let client: ImpatientClient;
  const failing = sentWithNext('SELECT 1 / 0');
  const slow = sentWithNext('SELECT pg_sleep(0.7)');

  beforeAll(async () => {
    database = await TestDatabase.create();
    client = new ImpatientClient(database.settings.DATABASE_URL);
    await client.connect();
  });
  afterAll(async () => {
    await client?.end();
    await database?.drop();
  });

  const state = async () => {
    const [row] = await database.query<{ state: string }>(
      `SELECT state FROM pg_stat_activity WHERE pid = ${(client as unknown as { processID: number }).processID}`,
    );
    return row?.state;
  };

  it('waits for it, and then comes first', async () => {
    await client.query('SELECT 1');
    await client.query('START TRANSACTION');
    expect(await state()).toBe('idle');
    const { rows } = await client.query('SELECT now() <> statement_timestamp() AS "began"');
    expect(rows).toEqual([{ began: true }]);
    expect(await state()).toBe('idle in transaction');
    await client.query('ROLLBACK');
    expect(await state()).toBe('idle');
  });

  it('has it fail with its own error', async () => {
    await client.query('START TRANSACTION');
    await client.query(failing);
    await expect(client.query('SELECT 1')).rejects.toThrow('division by zero');
    await expect(client.query('SELECT 1')).rejects.toThrow('current transaction is aborted');
    await client.query('ROLLBACK');
    expect((await client.query('SELECT 2 AS "works"')).rows).toEqual([{ works: 2 }]);
  });

  async function withASecond(use: (client: ImpatientClient) => Promise<void>): Promise<void> {
    const connectionString = database.settings.DATABASE_URL;
    const hasty = new ImpatientClient({ connectionString, query_timeout: 1000 });
    await hasty.connect();
    try {
      await use(hasty);
    } finally {
      await hasty.end();
    }
  }

  it('has time of its own, and so has the next', () =>
    withASecond(async (hasty) => {
      await hasty.query('START TRANSACTION');
      await hasty.query(slow);
      const { rows } = await hasty.query('SELECT pg_sleep(0.7), 1 AS "one"');
      expect(rows).toMatchObject([{ one: 1 }]);
    }));

  it('leaves the next no more time when it is the beginning of a transaction', () =>
    withASecond(async (hasty) => {
      await hasty.query('START TRANSACTION');
      await expect(hasty.query('SELECT pg_sleep(1.5)')).rejects.toThrow('Query read timeout');
    }));

  it('has none follow that has a time-out of its own, which would not be kept', () =>
    withASecond(async (hasty) => {
      await hasty.query('START TRANSACTION');
      const query = { text: 'SELECT 1', query_timeout: 5000 };
      await expect(hasty.query(query)).rejects.toThrow('Only a text');
      await hasty.query('ROLLBACK');
    }));

  it('goes out with the end of its transaction, if nothing else comes', async () => {
    await client.query('START TRANSACTION');
    await client.query('COMMIT');
    expect(await state()).toBe('idle');
  });
});

/** One message of Postgres's protocol. */
function message(type: string, body: string | Buffer): Buffer {
  const content = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
}

describe('a connection that is ended in the moment it is ready', () => {
  const AUTHENTICATED = message('R', Buffer.alloc(4));
  const READY = message('Z', 'I');
  const SHUT_DOWN = message(
    'E',
    'SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0',
  );
  let server: Server;

  beforeAll(async () => {
    server = createServer((socket) => {
      socket.once('data', () => socket.end(Buffer.concat([AUTHENTICATED, READY, SHUT_DOWN])));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(async () => {
    server.close();
    await once(server, 'close');
  });

  it('fails the next query, and not the process', async () => {
    const { port } = server.address() as AddressInfo;
    const pool = new pg.Pool({ Client: ImpatientClient, host: '127.0.0.1', port, user: 'nobody' });
    // A second listener of the pool's: what it says of idle connections.
    pool.on('error', () => undefined);
    const client = await pool.connect();
    const failure: unknown = await client.query('SELECT 1').catch((error: unknown) => error);
    client.release(true);
    await pool.end();
    expect(isTransient(failure)).toBe(true);
  });
});
