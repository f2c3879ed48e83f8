import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DataSource, EntityManager } from 'typeorm';
import { lookAtLeases } from '#database/recover.queries';
import { areTimersDue } from '#database/reverts.queries';
import { inTransaction } from '#database/transaction';
import { type WaitingKind, findWaiting } from '#database/waiting.queries';
import { PROVIDER, TestDatabase, command, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const ALL: ReadonlySet<WaitingKind> = new Set(['work', 'cancels', 'events']);
const NOTHING = { work: false, cancels: false, events: false };
/** Beyond what is looked at one by one. */
const MANY = 120;
/** Rows that one look reads. */
const READS_MAX = 4;

describe('what waits for a worker', () => {
  let database: TestDatabase;
  let worker: DataSource;

  beforeAll(async () => {
    database = await TestDatabase.create();
    worker = await database.connectAsWorker();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  const look = (kinds = ALL) => findWaiting(worker.manager, kinds);
  const relayAll = () => database.query('DELETE FROM outbox');
  const postpone = () =>
    database.query(`UPDATE security_action_work SET "dueDateTime" = now() + interval '1 hour'`);

  /** How many rows one look reads, of all tables. */
  const readsOf = (one: (manager: EntityManager) => Promise<unknown>) =>
    inTransaction(worker, async (manager) => {
      const reads = async () => {
        const [row]: { reads: number }[] = await manager.query(
          `SELECT sum(coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0))::int AS reads
             FROM pg_stat_xact_user_tables`,
        );
        return row!.reads;
      };
      const before = await reads();
      await one(manager);
      return (await reads()) - before;
    });

  it('is nothing, where there is nothing', async () => {
    expect(await look()).toEqual(NOTHING);
    expect(await areTimersDue(worker.manager, [PROVIDER])).toBe(false);
    expect(await lookAtLeases(worker.manager)).toMatchObject({ isAnyExpired: false });
  });

  it('is work until it is claimed, and events until they are relayed', async () => {
    await database.ingest(command());
    expect(await look()).toEqual({ work: true, cancels: false, events: true });
    await database.claim();
    await relayAll();
    expect(await look()).toEqual(NOTHING);
  });

  it('is no work whose time has not come, unless there is too much of it to tell', async () => {
    await database.ingest(...times(MANY / 2, (index) => command({ target: `host-${index}` })));
    await relayAll();
    await postpone();
    expect(await look()).toEqual(NOTHING);
    await database.ingest(...times(MANY / 2, (index) => command({ target: `more-${index}` })));
    await relayAll();
    await postpone();
    expect(await look()).toEqual({ ...NOTHING, work: true });
  });

  it('is work of providers that nobody knows', async () => {
    await database.ingest(command({ provider: 'Nobody/Knows' }));
    expect(await look()).toMatchObject({ work: true });
  });

  it('is a cancel on record, of what is held and of what is not', async () => {
    await database.ingest(command({ target: 'a' }), command({ target: 'b' }));
    await database.claim(1);
    await relayAll();
    await postpone();
    await database.query('UPDATE security_action_work SET "cancelRequestedDateTime" = now()');
    expect(await look()).toEqual({ ...NOTHING, cancels: true });
  });

  it('is looked at only as far as it is asked for', async () => {
    await database.ingest(command());
    await database.query('UPDATE security_action_work SET "cancelRequestedDateTime" = now()');
    for (const kind of ALL) {
      expect(await look(new Set([kind]))).toEqual({ ...NOTHING, [kind]: true });
    }
    expect(await look(new Set())).toEqual(NOTHING);
  });

  it('is a timer of a known provider once it is due', async () => {
    await database.ingest(command({ timer: { revertAfter: 'PT1H' } }));
    const due = () => areTimersDue(worker.manager, [PROVIDER]);
    await database.query(
      `UPDATE security_action_revert SET "lookDateTime" = now() + interval '1 hour'`,
    );
    expect(await due()).toBe(false);
    // The column keeps milliseconds and rounds up too: `now()` itself may lie half of one ahead.
    await database.query(
      `UPDATE security_action_revert SET "lookDateTime" = now() - interval '1 ms'`,
    );
    expect(await due()).toBe(true);
    expect(await areTimersDue(worker.manager, ['Acme/Other'])).toBe(false);
  });

  it('is a lease that has expired, whoever held it', async () => {
    await database.ingest(command());
    await database.claim();
    expect(await lookAtLeases(worker.manager)).toMatchObject({ isAnyExpired: false });
    await database.expireLeases();
    expect(await lookAtLeases(worker.manager)).toMatchObject({ isAnyExpired: true });
  });

  it('is found by a step in an index each, however much there is', async () => {
    const timer = { revertAfter: 'PT1H' };
    const commands = times(1000, (index) => command({ target: `host-${index}`, timer }));
    await database.ingest(...commands);
    await database.claim(500);
    await database.query(
      `UPDATE security_action_work SET "cancelRequestedDateTime" = now()
        WHERE "leaseOwner" IS NOT NULL`,
    );
    await database.query(
      `UPDATE security_action_revert SET "lookDateTime" = now() + interval '1 hour'`,
    );
    await database.query('VACUUM ANALYZE');
    const cancels = (manager: EntityManager) => findWaiting(manager, new Set(['cancels']));
    const events = (manager: EntityManager) => findWaiting(manager, new Set(['events']));
    const work = (manager: EntityManager) => findWaiting(manager, new Set(['work']));
    const timers = (manager: EntityManager) => areTimersDue(manager, [PROVIDER, 'Acme/Other']);
    for (const one of [cancels, events, timers, lookAtLeases]) {
      expect(await readsOf(one)).toBeLessThanOrEqual(READS_MAX);
    }
    expect(await readsOf(work)).toBeLessThanOrEqual(MANY);
  });
});
