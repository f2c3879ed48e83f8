import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '#database/data-source';
import type { Statement } from '#database/impatient-client';
import { inOnePiece, transactionInOnePiece } from '#database/in-one-piece';
import { TestDatabase } from '../support/database.ts';

const STATEMENT_TIMEOUT_MS = 500;

describe('statements in one piece', () => {
  let database: TestDatabase;
  let dataSource: DataSource;

  beforeAll(async () => {
    database = await TestDatabase.create();
    const settings = Object.assign({}, database.settings, {
      DATABASE_STATEMENT_TIMEOUT_MS: STATEMENT_TIMEOUT_MS,
    });
    // One connection: whatever state a piece leaves it in, the next one gets it.
    const pool = { applicationName: 'in-one-piece', connectionsMax: 1 };
    dataSource = await new DataSource(dataSourceOptions(settings, pool)).initialize();
  });
  beforeEach(() => database.query('DELETE FROM relay_lease'));
  afterAll(async () => {
    await dataSource?.destroy();
    await database?.drop();
  });

  const insert = (name: string) => ({
    text: `INSERT INTO relay_lease ("name", "owner", "epoch", "leaseUntil") VALUES ($1, 'nobody', 1, now())`,
    values: [name],
  });
  const names = { text: 'SELECT "name" FROM relay_lease ORDER BY 1', values: [] };
  const stored = () => database.query<{ name: string }>(names.text);

  const piece = (statements: Statement[]) =>
    dataSource.transaction((manager) => inOnePiece(manager, statements));

  it('are one transaction, and each sees what those before it have done', async () => {
    const transaction = { text: 'SELECT pg_current_xact_id()::text AS id', values: [] };
    const answers = await piece([insert('a'), names, insert('b'), transaction, transaction]);
    expect(answers.map(({ rowCount }) => rowCount)).toEqual([1, 1, 1, 1, 1]);
    expect(answers[1]!.rows).toEqual([{ name: 'a' }]);
    expect(answers[3]!.rows).toEqual(answers[4]!.rows);
    expect(await stored()).toEqual([{ name: 'a' }, { name: 'b' }]);
  });

  it('change nothing when one fails, and leave a connection that works', async () => {
    const failing = { text: 'SELECT 1 / 0', values: [] };
    await expect(piece([insert('a'), failing, insert('b')])).rejects.toThrow('division by zero');
    expect(await stored()).toEqual([]);
    await piece([insert('c')]);
    expect(await stored()).toEqual([{ name: 'c' }]);
  });

  it('are part of the transaction that is under way', async () => {
    const failing = dataSource.transaction(async (manager) => {
      const [, seen] = await inOnePiece(manager, [insert('a'), names]);
      expect(seen!.rows).toEqual([{ name: 'a' }]);
      throw new Error('on purpose');
    });
    await expect(failing).rejects.toThrow('on purpose');
    expect(await stored()).toEqual([]);
  });

  it('are refused outside a transaction', async () => {
    await expect(inOnePiece(dataSource.manager, [insert('a')])).rejects.toThrow('transaction');
    expect(await stored()).toEqual([]);
  });

  it('may each take as long as one statement may, and no longer', async () => {
    const sleep = (ms: number) => ({ text: `SELECT pg_sleep(${ms / 1000})`, values: [] });
    // Together above the patience of the connection for one statement.
    const slow = Array.from({ length: 4 }, () => sleep(STATEMENT_TIMEOUT_MS * 0.7));
    expect(await piece(slow)).toHaveLength(4);
    const tooSlow = piece([insert('a'), sleep(STATEMENT_TIMEOUT_MS * 2)]);
    await expect(tooSlow).rejects.toMatchObject({ code: '57014' });
    expect(await stored()).toEqual([]);
  });

  describe('with a transaction of their own', () => {
    const alone = (statements: Statement[]) => transactionInOnePiece(dataSource, statements);
    const raise = (sqlState: string) => ({
      text: `DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '${sqlState}'; END $$`,
      values: [],
    });
    afterEach(() => vi.restoreAllMocks());

    it('are one transaction that is committed when it answers, and answer in their order', async () => {
      const transaction = { text: 'SELECT pg_current_xact_id()::text AS id', values: [] };
      const answers = await alone([insert('a'), names, transaction, transaction]);
      expect(answers.map(({ rowCount }) => rowCount)).toEqual([1, 1, 1, 1]);
      expect(answers[1]!.rows).toEqual([{ name: 'a' }]);
      expect(answers[2]!.rows).toEqual(answers[3]!.rows);
      expect(await stored()).toEqual([{ name: 'a' }]);
    });

    it.each(['first', 'last'])(
      'change nothing when the %s fails, and leave a connection that works',
      async (which) => {
        const failing = { text: 'SELECT 1 / 0', values: [] };
        const all = which === 'first' ? [failing, insert('a')] : [insert('a'), failing];
        await expect(alone(all)).rejects.toThrow('division by zero');
        expect(await stored()).toEqual([]);
        await alone([insert('b')]);
        expect(await stored()).toEqual([{ name: 'b' }]);
      },
    );

    it('are tried again when Postgres breaks them off for another, a few times, and else not', async () => {
      const tries = vi.spyOn(dataSource, 'createQueryRunner');
      await expect(alone([insert('a'), raise('40P01')])).rejects.toThrow('on purpose');
      expect(tries).toHaveBeenCalledTimes(4);
      tries.mockClear();
      await expect(alone([insert('a'), raise('23505')])).rejects.toThrow('on purpose');
      expect(tries).toHaveBeenCalledTimes(1);
      expect(await stored()).toEqual([]);
    });

    it('change nothing when one takes Postgres too long', async () => {
      const tooSlow = alone([
        insert('a'),
        { text: `SELECT pg_sleep(${STATEMENT_TIMEOUT_MS / 500})`, values: [] },
      ]);
      await expect(tooSlow).rejects.toMatchObject({ code: '57014' });
      expect(await stored()).toEqual([]);
    });
  });
});
