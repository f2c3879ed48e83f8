import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CreateCommand } from '#domain/command';
import { TENANT, TestDatabase, command, ingest, targetKey, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

describe('ingest', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  const idsOf = (commands: CreateCommand[]) => commands.map(({ action }) => action.id);

  const byPosition = async () => {
    const rows = await database.query<{ id: string }>(
      'SELECT id FROM security_action ORDER BY position',
    );
    return rows.map(({ id }) => id);
  };

  /** The commands of 20 targets in turn. */
  const batchOf = (count: number) =>
    times(count, (index) => command({ target: `host-${index % 20}` }));

  /** A batch on its way: stored when the function returns, committed when told so. */
  const begin = (commands: CreateCommand[]) => {
    const { promise: finish, resolve: commit, reject: abort } = Promise.withResolvers<void>();
    const { promise: stored, resolve: onStored } = Promise.withResolvers<string[]>();
    const ended = database.dataSource.transaction('READ COMMITTED', async (manager) => {
      onStored(await ingest(manager, commands));
      await finish;
    });
    return { stored, ended, commit, abort };
  };

  it('numbers 500 commands on 20 targets in the order of the batch', async () => {
    const commands = batchOf(500);
    expect(await database.ingest(...commands)).toEqual(idsOf(commands));
    expect(await byPosition()).toEqual(idsOf(commands));
  });

  it('numbers a later batch above an earlier one', async () => {
    const [first, second] = [batchOf(30), batchOf(30)];
    await database.ingest(...first);
    await database.ingest(...second);
    expect(await byPosition()).toEqual([...idsOf(first), ...idsOf(second)]);
  });

  it('stores the command as it was accepted', async () => {
    const acceptedDateTime = '2026-02-03T04:05:06.789Z';
    const accepted = command({ acceptedDateTime });
    accepted.action.properties = { nested: { 'quoted "and" {braced}': [1, null, 'ä\\'] } };
    accepted.action.parameters = [{ name: 'a,b', value: null }];
    await database.ingest(accepted);
    expect(await database.row(accepted.action.id)).toMatchObject({
      azureTenantId: TENANT,
      version: 1,
      status: 'NotStarted',
      providerKey: accepted.provider.key,
      actionName: 'Isolate',
      name: 'isolate',
      actionReason: 'a reason',
      appId: 'app-1',
      user: 'ann@example.com',
      clientContext: null,
      clientRequestId: null,
      resendKey: accepted.resendKey,
      targetKey: targetKey('host-1'),
      parameters: accepted.action.parameters,
      properties: accepted.action.properties,
      vendorInformation: accepted.action.vendorInformation,
      createdDateTime: new Date(acceptedDateTime),
      lastActionDateTime: new Date(acceptedDateTime),
    });
  });

  it('gives each action the event "created" and one place in the outbox', async () => {
    const commands = batchOf(40);
    await database.ingest(...commands);
    const [first] = commands;
    expect(await database.events(first!.action.id)).toEqual([
      expect.objectContaining({
        sequence: 1,
        type: 'created',
        status: 'NotStarted',
        changedStatus: true,
        dateTime: new Date(first!.acceptedDateTime),
        appId: 'app-1',
        user: 'ann@example.com',
        attempt: null,
        attemptId: null,
        errorInfo: null,
      }),
    ]);
    const outbox = await database.query<{ actionId: string; sequence: number }>(
      'SELECT "actionId", sequence FROM outbox ORDER BY position',
    );
    expect(outbox).toEqual(idsOf(commands).map((actionId) => ({ actionId, sequence: 1 })));
  });

  it('makes the first of each target ready, and everything without a target', async () => {
    const targeted = times(6, (index) => command({ target: `host-${index % 3}` }));
    const free = times(2, () => command({ target: null }));
    await database.ingest(...targeted, ...free);
    expect(await database.ready()).toEqual([...idsOf(targeted.slice(0, 3)), ...idsOf(free)]);
  });

  it('keeps equal targets of two tenants apart', async () => {
    const commands = [command({ tenant: 'tenant-b' }), command({ tenant: 'tenant-c' })];
    await database.ingest(...commands);
    expect(await database.ready()).toEqual(idsOf(commands));
  });

  it('stores one id for each of two tenants, since an id says nothing beyond its tenant', async () => {
    const id = randomUUID();
    await database.ingest(command({ id, tenant: 'tenant-b' }), command({ id, tenant: 'tenant-c' }));
    expect(await byPosition()).toEqual([id, id]);
  });

  describe('when a batch comes again', () => {
    it('changes nothing', async () => {
      const commands = batchOf(50);
      await database.ingest(...commands);
      const before = await database.snapshot();
      expect(await database.ingest(...commands)).toEqual([]);
      expect(await database.snapshot()).toEqual(before);
    });

    it('changes nothing even when what an id stands for has changed, or has ended', async () => {
      const id = randomUUID();
      await database.ingest(command({ id }));
      const [claim] = await database.claim();
      await database.settle({ ...claim!, type: 'completed' });
      const before = await database.snapshot();
      expect(await database.ingest(command({ id, target: 'host-2' }))).toEqual([]);
      expect(await database.snapshot()).toEqual(before);
    });

    it('stores only what is new, after what was there', async () => {
      const commands = batchOf(60);
      await database.ingest(...commands.slice(0, 20));
      expect(await database.ingest(...commands)).toEqual(idsOf(commands.slice(20)));
      expect(await byPosition()).toEqual(idsOf(commands));
    });

    it('folds a repeat within the batch into the first', async () => {
      const first = command();
      expect(
        await database.ingest(first, command({ id: first.action.id }), command()),
      ).toHaveLength(2);
      expect((await database.row(first.action.id)).resendKey).toBe(first.resendKey);
    });
  });

  describe('while a worker that was taken for dead is just committing', () => {
    it('waits for its rows, and numbers the commands after them above them', async () => {
      const commands = batchOf(60);
      const dying = begin(commands.slice(0, 40));
      await dying.stored;
      const successor = database.ingest(...commands);
      await database.untilBlocked();
      dying.commit();
      await dying.ended;
      expect(await successor).toEqual(idsOf(commands.slice(40)));
      expect(await byPosition()).toEqual(idsOf(commands));
    });

    it('stores everything, in order, when it dies after all', async () => {
      const commands = batchOf(60);
      const dying = begin(commands.slice(0, 40));
      await dying.stored;
      const successor = database.ingest(...commands);
      await database.untilBlocked();
      dying.abort(new Error('died'));
      await expect(dying.ended).rejects.toThrow('died');
      expect(await successor).toEqual(idsOf(commands));
      expect(await byPosition()).toEqual(idsOf(commands));
    });

    it('keeps the order of the log when several store the same at once, many times', async () => {
      const all: CreateCommand[] = [];
      for (let round = 0; round < 25; round += 1) {
        const commands = batchOf(40);
        const inserted = await Promise.all([
          database.ingest(...commands.slice(0, 10 + round)),
          database.ingest(...commands),
          database.ingest(...commands.slice(0, 20)),
        ]);
        expect(new Set(inserted.flat())).toEqual(new Set(idsOf(commands)));
        expect(inserted.flat()).toHaveLength(commands.length);
        all.push(...commands);
      }
      expect(await byPosition()).toEqual(idsOf(all));
    });
  });
});
