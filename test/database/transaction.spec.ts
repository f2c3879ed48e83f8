import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EntityManager } from 'typeorm';
import { isTransient } from '#database/sqlstate';
import { TestDatabase, command } from '../support/database.ts';

describe('inTransaction', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterAll(() => database?.drop());

  const raise = (manager: EntityManager, sqlState: string) =>
    manager.query(`DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '${sqlState}'; END $$`);

  /** Runs work that always fails. @returns how often it was tried */
  const triesUntilItFails = async (sqlState: string) => {
    let tries = 0;
    const failing = database.inTransaction(async (manager) => {
      tries += 1;
      await raise(manager, sqlState);
    });
    await expect(failing).rejects.toThrow('on purpose');
    return tries;
  };

  it('settles a deadlock: whoever Postgres breaks off tries again, and both get through', async () => {
    const [first, second] = await database.ingest(
      command({ target: null }),
      command({ target: null }),
    );
    const lock = (manager: EntityManager, id: string) =>
      manager.query('SELECT FROM security_action WHERE id = $1 FOR UPDATE', [id]);
    const [one, other] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let tries = 0;
    const crosswise = (ids: string[], own: typeof one, theirs: typeof one) =>
      database.inTransaction(async (manager) => {
        tries += 1;
        await lock(manager, ids[0]!);
        own.resolve();
        await theirs.promise;
        await lock(manager, ids[1]!);
      });
    await Promise.all([
      crosswise([first!, second!], one, other),
      crosswise([second!, first!], other, one),
    ]);
    expect(tries).toBeGreaterThan(2);
  });

  it.each(['40P01', '40001'])('gives up on %s after a few tries', async (sqlState) => {
    expect(await triesUntilItFails(sqlState)).toBe(4);
  });

  it.each(['23505', '22P02', '57014', '55P03'])(
    'leaves %s to the caller at once',
    async (sqlState) => {
      expect(await triesUntilItFails(sqlState)).toBe(1);
    },
  );

  it('keeps nothing of a try that failed', async () => {
    const before = await database.snapshot();
    let tries = 0;
    const failing = database.inTransaction(async (manager) => {
      tries += 1;
      await manager.query(`INSERT INTO relay_lease VALUES ($1, 'x', 1, now())`, [`try-${tries}`]);
      if (tries < 3) await raise(manager, '40001');
      throw new Error('in the end');
    });
    await expect(failing).rejects.toThrow('in the end');
    expect(tries).toBe(3);
    expect(await database.snapshot()).toEqual(before);
  });

  it.each([
    ['its manager', (manager: EntityManager) => manager.query('SELECT 1')],
    ['its connection', (manager: EntityManager) => manager.queryRunner!.query('SELECT 1')],
  ])(
    'says that the database was away, when the connection breaks between two statements, to %s',
    async (_, next) => {
      const broken = database.inTransaction(async (manager) => {
        const [{ pid }] = await manager.query('SELECT pg_backend_pid() AS "pid"');
        await database.query('SELECT pg_terminate_backend($1)', [pid]);
        await vi.waitFor(() => expect(manager.queryRunner!.isReleased).toBe(true));
        await next(manager);
      });
      const error: unknown = await broken.catch((reason: unknown) => reason);
      expect(isTransient(error)).toBe(true);
    },
  );
});
