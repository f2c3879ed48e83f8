import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ImpatientClient } from '#database/impatient-client';
import { isOutage } from '#database/sqlstate';
import { type PostgresProcess, startPostgres } from '../../dev/postgres/server.ts';

describe('a connection to a Postgres that takes no writes', () => {
  const directory = mkdtempSync(join(tmpdir(), 'security-actions-standby-'));
  let postgres: PostgresProcess;

  beforeAll(async () => {
    postgres = await startPostgres({ directory });
    await postgres.stop();
    const { uid, gid } = statSync(`${directory}/data`);
    writeFileSync(`${directory}/data/standby.signal`, '');
    chownSync(`${directory}/data/standby.signal`, uid, gid);
    await postgres.restart();
  }, 120_000);
  afterAll(async () => {
    await postgres?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const asOperator = async (...statements: string[]) => {
    const operator = new pg.Client({ connectionString: postgres.url('postgres') });
    await operator.connect();
    try {
      for (const sql of statements) await operator.query(sql);
    } finally {
      await operator.end();
    }
  };
  /** As TypeORM asks: a connection of the pool, until there is an answer. */
  const askingOne = () => {
    const pool = new pg.Pool({
      Client: ImpatientClient,
      connectionString: postgres.url('postgres'),
      max: 1,
    });
    pool.on('error', () => undefined);
    onTestFinished(() => pool.end());
    return async (sql: string): Promise<unknown> => {
      const client = await pool.connect();
      try {
        return await client.query(sql);
      } finally {
        client.release();
      }
    };
  };
  const failureOf = (asked: Promise<unknown>) => asked.catch((error: unknown) => error);

  it('is refused while that is a standby, which answers as of some time ago, and made once it is none', async () => {
    const ask = askingOne();
    const failure = await failureOf(ask('SELECT 1'));
    expect(failure).toMatchObject({ message: expect.stringContaining('standby') });
    expect(isOutage(failure)).toBe(true);
    await asOperator('SELECT pg_promote()');
    await expect(ask('CREATE TABLE written ()')).resolves.toBeDefined();
  });

  it('is not kept when it is found out by a write, so that the next is one that takes it', async () => {
    await asOperator('ALTER DATABASE "postgres" SET default_transaction_read_only = on');
    const ask = askingOne();
    await ask('SELECT 1');
    await asOperator(
      'SET default_transaction_read_only = off',
      'ALTER DATABASE "postgres" RESET default_transaction_read_only',
    );
    const failure = await failureOf(ask('CREATE TABLE refused ()'));
    expect(failure).toMatchObject({ code: '25006' });
    expect(isOutage(failure)).toBe(true);
    await expect(ask('CREATE TABLE taken ()')).resolves.toBeDefined();
  });
});
