import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ClaimRoom } from '#database/claim.queries';
import { mayAllStart, storeStarted } from '#database/start-at-once';
import { storeCommands } from '#database/store-commands';
import type { ReadCommand } from '#domain/command';
import { AtOnce } from '../../apps/worker/src/ingest/at-once.ts';
import { startStored } from '../../apps/worker/src/ingest/start-stored.ts';
import { PROVIDER, TestDatabase, command, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const LEASE = { owner: 'worker-1', leaseMs: 60_000 };
const OTHER_PROVIDER = 'Acme/Other';
const ROOM: ClaimRoom = {
  byProvider: new Map([
    [PROVIDER, 10],
    [OTHER_PROVIDER, 10],
  ]),
  total: 10,
  repeatable: new Set([PROVIDER]),
  turns: new Map(),
};

describe('a batch that starts as a whole', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(async () => {
    vi.restoreAllMocks();
    await assertSound(database);
  });
  afterAll(() => database?.drop());

  const atOnce = (commands: ReadCommand[]) =>
    storeStarted(database.dataSource, commands, { room: ROOM, lease: LEASE });
  const inSteps = (commands: ReadCommand[]) =>
    database.inTransaction(async (manager) => {
      const { actions } = await storeCommands(manager, commands, { room: ROOM, lease: LEASE });
      await startStored(manager, actions, ROOM, LEASE);
      return actions;
    });
  const free = (count: number) => times(count, (index) => command({ target: `free-${index}` }));
  const idsOf = (all: { actionId: string }[]) => all.map(({ actionId }) => actionId);
  const stored = async () =>
    (
      await database.query<{ id: string }>('SELECT "id" FROM security_action ORDER BY "position"')
    ).map(({ id }) => id);
  /** What is on record of an action, but for what differs between any two. */
  const traces = async (id: string) => {
    const {
      position: _,
      createdDateTime: _c,
      lastActionDateTime: _l,
      ...row
    } = await database.row(id);
    const work = (await database.work(id))!;
    const events = await database.events(id);
    return {
      row: { ...row, id: '', targetKey: '', resendKey: '', parameters: [] },
      work: [
        work.ready,
        work.leaseOwner,
        work.attempt,
        work.next,
        work.repeatable,
        work.sentDateTime,
      ],
      events: events.map(({ type, status, sequence, attempt }) => ({
        type,
        status,
        sequence,
        attempt,
      })),
    };
  };

  it('leaves what storing it step by step leaves', async () => {
    const [one, other] = free(2);
    const [started] = await atOnce([one!]);
    const [stepwise] = await inSteps([other!]);
    expect(await traces(one!.action.id)).toEqual(await traces(other!.action.id));
    const own = { actionId: '', attemptId: '', targetKey: '', action: {} };
    expect({ ...started!.claim, ...own }).toEqual({ ...stepwise!.claim, ...own });
    expect(started!.claim!.attemptId).toBe((await database.work(one!.action.id))!.attemptId);
  });

  it('is stored in its order', async () => {
    const commands = free(5);
    const ids = commands.map(({ action }) => action.id);
    expect(idsOf(await atOnce(commands))).toEqual(ids);
    expect(await stored()).toEqual(ids);
    const outbox = await database.query<{ actionId: string; sequence: number }>(
      'SELECT "actionId", "sequence" FROM outbox WHERE "sequence" = 1 ORDER BY position',
    );
    expect(idsOf(outbox)).toEqual(ids);
  });

  it.each<[string, () => Promise<unknown>]>([
    [
      'a target is busy',
      () => database.ingest(command({ target: 'free-1' })).then(() => database.claim(1)),
    ],
    ['others wait for the provider', () => database.ingest(command({ target: 'other' }))],
    ['a hold covers it', () => database.hold({ providerKey: PROVIDER })],
    [
      'a resend was stored that may be of one of them',
      () => {
        const acceptedDateTime = new Date(Date.now() + 60_000).toISOString();
        const resend = command({ target: 'other', isResend: true, acceptedDateTime });
        return database.ingest(resend).then(() => database.claim(1));
      },
    ],
  ])('is not stored at all when %s', async (_why, before) => {
    await before();
    const already = await stored();
    expect(await atOnce(free(3))).toEqual([]);
    expect(await stored()).toEqual(already);
  });

  it('starts each once: what is over stays so, what is under way has the batch go the long way', async () => {
    const [over, underWay, fresh] = free(3);
    const [claimed] = await atOnce([over!]);
    await database.settle({ ...claimed!.claim!, type: 'completed' });
    await atOnce([underWay!]);
    expect(await atOnce([underWay!, fresh!])).toEqual([]);
    expect(idsOf(await atOnce([over!, fresh!]))).toEqual([fresh!.action.id]);
    expect(await database.row(over!.action.id)).toMatchObject({ status: 'Completed', version: 3 });
  });

  it.each([
    ['the provider', { providerKey: OTHER_PROVIDER }],
    ['the tenant', { azureTenantId: 'tenant-b' }],
  ])(
    'does not start when a hold of %s of one of them comes while it is being stored',
    async (_of, of) => {
      const commands = [
        command({ target: 'free-0' }),
        command({ target: 'free-1', provider: OTHER_PROVIDER, tenant: 'tenant-b' }),
        command({ target: 'free-2' }),
      ];
      const { promise: letGo, resolve: go } = Promise.withResolvers<void>();
      const { promise: isStored, resolve: onStored } = Promise.withResolvers<void>();
      const inTheWay = database.inTransaction(async (manager) => {
        await storeCommands(manager, [commands[2]!]);
        onStored();
        await letGo;
        throw new Error('on purpose');
      });
      await isStored;
      const storing = atOnce(commands);
      await database.untilBlocked();
      await database.hold(of);
      go();
      await expect(inTheWay).rejects.toThrow('on purpose');
      expect(await storing).toEqual([]);
      expect(await stored()).toEqual([]);
    },
  );

  it('may be of several tenants and providers, with an id that another tenant has, too', async () => {
    const [one] = free(1);
    const id = one!.action.id;
    const [started] = await atOnce([one!]);
    await database.settle({ ...started!.claim!, type: 'completed' });
    const others = [
      command({ id, tenant: 'tenant-b', provider: OTHER_PROVIDER }),
      command({ tenant: 'tenant-b', target: 'host-2' }),
    ];
    expect(idsOf(await atOnce([one!, ...others]))).toEqual(others.map(({ action }) => action.id));
    expect(await stored()).toEqual([id, ...others.map(({ action }) => action.id)]);
  });

  describe('is not even tried', () => {
    const [first, second] = free(2);
    const odd: [string, ReadCommand[], ClaimRoom][] = [
      ['with an idempotency key', [first!, { ...second!, idempotencyKey: 'key-1' }], ROOM],
      ['with a further sending', [first!, { ...second!, isResend: true }], ROOM],
      ['with two on one target', [first!, command({ target: 'free-0' })], ROOM],
      ['without room for all', [first!, second!], { ...ROOM, total: 1 }],
      [
        'without room at the provider',
        [first!, second!],
        { ...ROOM, byProvider: new Map([[PROVIDER, 1]]) },
      ],
      [
        'with a revert that a timer made',
        [first!, { ...second!, action: { ...second!.action, revertsActionId: randomUUID() } }],
        ROOM,
      ],
    ];

    it.each(odd)('%s', (_why, commands, room) => {
      expect(mayAllStart([first!, second!], ROOM)).toBe(true);
      expect(mayAllStart(commands, room)).toBe(false);
    });

    it('for a while after one that did not', async () => {
      await database.ingest(command({ target: 'free-0' }));
      await database.claim(1);
      const asked = vi.spyOn(database.dataSource, 'createQueryRunner');
      const way = new AtOnce(database.dataSource, LEASE);
      for (const _ of times(11, () => undefined)) {
        expect(await way.store(free(1), ROOM)).toEqual([]);
      }
      expect(asked).toHaveBeenCalledTimes(1);
      expect(await way.store([command({ target: 'free-1' })], ROOM)).toHaveLength(1);
      expect(await way.store([command({ target: 'free-2' })], ROOM)).toHaveLength(1);
      expect(asked).toHaveBeenCalledTimes(3);
    });
  });
});
