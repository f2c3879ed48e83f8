import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { DataSource, type QueryRunner } from 'typeorm';
import { loadSettings } from '#config/settings';
import { dataSourceOptions } from '#database/data-source';
import { isOutage } from '#database/sqlstate';
import { TestDatabase } from '../support/database.ts';

/** What must be written in another way within an address. */
const FIRST = 'first: p@ss/w%rd';

describe('a password that changes while a process runs', () => {
  const directory = mkdtempSync(join(tmpdir(), 'security-actions-password-'));
  const file = join(directory, 'url');
  const role = `r${randomBytes(5).toString('hex')}`;
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
    await database.query(`CREATE ROLE ${role} LOGIN`);
  });
  afterAll(async () => {
    await database?.query(`DROP ROLE IF EXISTS ${role}`);
    await database?.drop();
    rmSync(directory, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await changeInPostgres(FIRST);
    changeInFile(FIRST);
  });

  const changeInPostgres = (password: string) =>
    database.query(`ALTER ROLE ${role} PASSWORD '${password}'`);
  const changeInFile = (password: string) => {
    const url = new URL(database.settings.DATABASE_URL);
    url.username = role;
    url.password = encodeURIComponent(password);
    writeFileSync(file, `${url.href}\n`);
  };
  /** A process that is told of the file alone. @returns what makes a connection, beside those there are */
  const started = async () => {
    const settings = loadSettings({ DATABASE_URL_FILE: file });
    const pool = { applicationName: 'long-lived', connectionsMax: 5 };
    const dataSource = await new DataSource(dataSourceOptions(settings, pool)).initialize();
    onTestFinished(() => dataSource.destroy());
    return async (): Promise<QueryRunner> => {
      const connection = dataSource.createQueryRunner();
      onTestFinished(() => connection.release());
      await connection.query('SELECT 1');
      return connection;
    };
  };

  it('counts for the next connection once the file has it, and ends none that stands', async () => {
    const connect = await started();
    const before = await connect();
    await changeInPostgres('second');
    changeInFile('second');
    const after = await connect();
    const names = await Promise.all([before, after].map((one) => one.query('SELECT current_user')));
    expect(names.flat()).toEqual([{ current_user: role }, { current_user: role }]);
  });

  it('is an outage, and no more, until the file has it', async () => {
    const connect = await started();
    await connect();
    await changeInPostgres('second');
    const failure = await connect().catch((error: unknown) => error);
    expect(isOutage(failure)).toBe(true);
    changeInFile('second');
    await expect(connect()).resolves.toBeDefined();
  });

  it.each([
    ['is gone', () => rmSync(file)],
    ['is empty', () => writeFileSync(file, '')],
    ['is half written', () => writeFileSync(file, 'postgres://')],
  ])('is the last that was known while the file %s', async (_what, spoil) => {
    const connect = await started();
    await changeInPostgres('second');
    changeInFile('second');
    await connect();
    await connect();
    spoil();
    await expect(connect()).resolves.toBeDefined();
  });
});
