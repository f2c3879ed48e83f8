import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findByKey } from '#database/idempotency-key.queries';
import type { CreateCommand } from '#domain/command';
import { TENANT, TestDatabase, command, ingest, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

describe('idempotency keys at the ingest', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  const keyed = (idempotencyKey: string, choice: Parameters<typeof command>[0] = {}) =>
    command({ idempotencyKey, target: randomUUID(), ...choice });
  const ownerOf = async (key: string, appId = 'app-1', tenantId = TENANT) =>
    (await findByKey(database.manager, { tenantId, appId }, key))?.id;

  /** The first of the key is to run, the others ended before anybody could run them. */
  const expectOneWinner = async (winner: CreateCommand, losers: CreateCommand[]) => {
    expect(await ownerOf(winner.idempotencyKey!)).toBe(winner.action.id);
    expect((await database.row(winner.action.id)).status).toBe('NotStarted');
    for (const { action } of losers) {
      const row = await database.row(action.id);
      expect(row).toMatchObject({
        status: 'Failed',
        errorInfo: { code: 8, message: expect.stringContaining(winner.action.id) },
        parameters: action.parameters,
        targetKey: null,
      });
      const events = await database.events(action.id);
      expect(events.map(({ type }) => type)).toEqual(['created', 'failed']);
      expect(await database.work(action.id)).toBeUndefined();
    }
  };

  it('make the first in the log the one, and all others of the batch Failed rows', async () => {
    const [first, second, third] = times(3, () => keyed('k'));
    const other = keyed('another');
    await database.ingest(first!, other, second!, third!);
    await expectOneWinner(first!, [second!, third!]);
    await expectOneWinner(other, []);
    expect(new Set((await database.claim()).map(({ actionId }) => actionId))).toEqual(
      new Set([first!.action.id, other.action.id]),
    );
  });

  it('are taken for good by an earlier batch', async () => {
    const [first, second] = [keyed('k'), keyed('k')];
    await database.ingest(first);
    const [claim] = await database.claim();
    await database.settle({ ...claim!, type: 'completed' });
    await database.ingest(second);
    expect(await ownerOf('k')).toBe(first.action.id);
    expect((await database.row(second.action.id)).errorInfo?.code).toBe(8);
  });

  it('change nothing when winner and loser come again, but that they were used once more', async () => {
    const commands = [keyed('k'), keyed('k')];
    const used = async () =>
      (await database.query<{ at: Date }>('SELECT "usedDateTime" AS at FROM idempotency_key'))[0]!
        .at;
    await database.ingest(...commands);
    const [before, firstUsed] = [await database.snapshot(), await used()];
    expect(await database.ingest(...commands)).toEqual([]);
    expect(await database.ingest(commands[1]!)).toEqual([]);
    expect((await used()).getTime()).toBeGreaterThan(firstUsed.getTime());
    await database.query('UPDATE idempotency_key SET "usedDateTime" = $1', [firstUsed]);
    expect(await database.snapshot()).toEqual(before);
  });

  it('are apart for each tenant, and for each app', async () => {
    const commands = [
      keyed('k'),
      keyed('k', { tenant: 'tenant-b' }),
      keyed('k', { app: 'app-2' }),
      // Together as long as one of the others.
      keyed('1k', { app: 'app-' }),
    ];
    await database.ingest(...commands);
    for (const each of commands) {
      const { tenantId, appId } = each.caller;
      expect(await ownerOf(each.idempotencyKey!, appId, tenantId)).toBe(each.action.id);
    }
    expect(await database.claim()).toHaveLength(4);
  });

  it('give the place on the target of a loser to what comes after it', async () => {
    const winner = keyed('k', { target: 'host-1' });
    const loser = keyed('k', { target: 'host-2' });
    const next = command({ target: 'host-2' });
    await database.ingest(winner, loser, next);
    await expectOneWinner(winner, [loser]);
    expect(await database.ready()).toEqual([winner.action.id, next.action.id]);
  });

  it('leave a loser without the timer that it was to have', async () => {
    const loser = keyed('k', { timer: { revertAfter: 'PT1H' } });
    await database.ingest(keyed('k'), loser);
    expect((await database.row(loser.action.id)).revertAfter).toBeNull();
    expect(await database.query('SELECT FROM security_action_revert')).toEqual([]);
  });

  describe('that two workers store at the same time', () => {
    const begin = (commands: CreateCommand[]) => {
      const { promise: finish, resolve: commit, reject: abort } = Promise.withResolvers<void>();
      const { promise: stored, resolve: onStored } = Promise.withResolvers<string[]>();
      const ended = database.dataSource.transaction('READ COMMITTED', async (manager) => {
        onStored(await ingest(manager, commands));
        await finish;
      });
      return { stored, ended, commit, abort };
    };

    it('belong to the one that committed, for which the other waits', async () => {
      const [first, second] = [keyed('k'), keyed('k')];
      const one = begin([first]);
      await one.stored;
      const another = database.ingest(second);
      await database.untilBlocked();
      one.commit();
      await Promise.all([one.ended, another]);
      await expectOneWinner(first, [second]);
    });

    it('belong to the other when the first one dies', async () => {
      const [first, second] = [keyed('k'), keyed('k')];
      const one = begin([first]);
      await one.stored;
      const another = database.ingest(second);
      await database.untilBlocked();
      one.abort(new Error('died'));
      await expect(one.ended).rejects.toThrow('died');
      await another;
      await expectOneWinner(second, []);
    });

    it('have one winner each, without a deadlock, in whatever order they come, many times', async () => {
      for (let round = 0; round < 20; round += 1) {
        const keys = times(30, (index) => `round ${round} key ${index}`);
        const batches = [keys, keys.toReversed(), [...keys.slice(15), ...keys.slice(0, 15)]].map(
          (order) => order.map((key) => keyed(key)),
        );
        // Not tried again: a deadlock would be an error.
        await Promise.all(
          batches.map((commands) =>
            database.dataSource.transaction('READ COMMITTED', (manager) =>
              ingest(manager, commands),
            ),
          ),
        );
        for (const key of keys) {
          const rivals = batches.flat().filter(({ idempotencyKey }) => idempotencyKey === key);
          const rows = await Promise.all(rivals.map(({ action }) => database.row(action.id)));
          expect(rows.map(({ status }) => status).sort()).toEqual([
            'Failed',
            'Failed',
            'NotStarted',
          ]);
          expect(await ownerOf(key)).toBe(rows.find(({ status }) => status === 'NotStarted')!.id);
        }
      }
    });
  });
});
