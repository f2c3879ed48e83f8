import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cancelAction } from '#database/cancel.queries';
import { type Claim, claimWork } from '#database/claim.queries';
import { markSent, releaseClaims, renewLeases, renewUnlocked } from '#database/held-claims.queries';
import { OPERATOR, PROVIDER, TENANT, TestDatabase, command, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const LEASE = { owner: 'worker-1', leaseMs: 60_000 };

describe('claim', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  /** Actions without a target, so all of them ready. */
  const free = (count: number, provider: string) =>
    database.ingest(...times(count, () => command({ target: null, provider })));

  const claim = (room: Record<string, number>, total: number) =>
    database.inTransaction((manager) =>
      claimWork(
        manager,
        {
          byProvider: new Map(Object.entries(room)),
          total,
          repeatable: new Set(),
          turns: new Map(),
        },
        LEASE,
      ),
    );

  const claimedOne = async () => {
    const [id] = await database.ingest(command());
    const [claimed] = await database.claim();
    return { id: id!, claim: claimed! };
  };

  it('takes no more than there is room for, by provider and in all', async () => {
    await free(5, 'a');
    await free(5, 'b');
    await free(5, 'c');
    const byProvider = (await claim({ a: 2, b: 3 }, 10)).map(({ providerKey }) => providerKey);
    expect(byProvider.sort()).toEqual(['a', 'a', 'b', 'b', 'b']);
    expect(await claim({ a: 10, b: 10, c: 10 }, 4)).toHaveLength(4);
    expect(await claim({ a: 10, b: 10, c: 10 }, 100)).toHaveLength(6);
    expect(await claim({ a: 10, b: 10, c: 10 }, 100)).toEqual([]);
  });

  it('takes nothing without room', async () => {
    await free(2, 'a');
    expect(await claim({}, 10)).toEqual([]);
    expect(await claim({ a: 10 }, 0)).toEqual([]);
    expect(await claim({ a: 0 }, 10)).toEqual([]);
  });

  it('takes what is due longest first, in the order of arrival where that is equal', async () => {
    const [early, later, last] = await free(3, 'a');
    await database.query(
      `UPDATE security_action_work SET "dueDateTime" = "dueDateTime" - interval '1 s'
        WHERE "actionId" = $1`,
      [last],
    );
    const order = [...(await claim({ a: 1 }, 1)), ...(await claim({ a: 1 }, 1))];
    expect(order.map(({ actionId }) => actionId)).toEqual([last, early]);
    expect((await claim({ a: 1 }, 1)).map(({ actionId }) => actionId)).toEqual([later]);
  });

  it('takes neither what waits for its target, nor what is leased, nor what is not due', async () => {
    const [head] = await database.ingest(command(), command());
    expect((await database.claim()).map(({ actionId }) => actionId)).toEqual([head]);
    expect(await database.claim()).toEqual([]);

    const [notDue] = await free(1, 'a');
    await database.query(
      `UPDATE security_action_work SET "dueDateTime" = now() + interval '1 h' WHERE "actionId" = $1`,
      [notDue],
    );
    expect(await claim({ a: 1 }, 1)).toEqual([]);
  });

  it('puts the action on record as Running, with its attempt, before it returns', async () => {
    const [id] = await database.ingest(command());
    const [claimed] = await database.claim(1);
    expect(claimed).toMatchObject({ azureTenantId: TENANT, actionId: id, attempt: 1 });
    expect(claimed).toMatchObject({ mayHaveActed: false, action: { id, status: 'Running' } });
    expect(await database.row(id!)).toMatchObject({ status: 'Running', version: 2 });
    expect(await database.work(id!)).toMatchObject({
      attempt: 1,
      attemptId: claimed!.attemptId,
      leaseOwner: LEASE.owner,
      sentDateTime: null,
    });
    const [, started] = await database.events(id!);
    expect(started).toMatchObject({
      type: 'started',
      status: 'Running',
      changedStatus: true,
      attempt: 1,
      attemptId: claimed!.attemptId,
      appId: null,
      user: null,
    });
  });

  it('dates a start after the end of the action before, however early its transaction began', async () => {
    const [first, second] = await database.ingest(command(), command());
    const [before] = await database.claim();
    await database.inTransaction(async (manager) => {
      await manager.query('SELECT pg_sleep(0.02)');
      await database.settle({ ...before!, type: 'completed' });
      const room = {
        byProvider: new Map([[PROVIDER, 1]]),
        total: 1,
        repeatable: new Set<string>(),
      };
      const [claimed] = await claimWork(manager, { ...room, turns: new Map() }, LEASE);
      expect(claimed?.actionId).toBe(second);
    });
    const { completedDateTime } = await database.row(first!);
    const [, started] = await database.events(second!);
    expect(started!.dateTime.getTime()).toBeGreaterThanOrEqual(completedDateTime!.getTime());
  });

  it('leaves no trace when its transaction does not commit', async () => {
    await database.ingest(command());
    const before = await database.snapshot();
    const died = database.inTransaction(async (manager) => {
      await claimWork(
        manager,
        {
          byProvider: new Map([['Acme/Idempotent', 1]]),
          total: 1,
          repeatable: new Set(),
          turns: new Map(),
        },
        LEASE,
      );
      throw new Error('died');
    });
    await expect(died).rejects.toThrow('died');
    expect(await database.snapshot()).toEqual(before);
  });

  it("gives each claim the resource of its own tenant, also where two tenants' ids are equal", async () => {
    const id = randomUUID();
    await database.ingest(command({ id, tenant: 'tenant-b' }), command({ id, tenant: 'tenant-c' }));
    const claims = await database.claim();
    expect(claims).toHaveLength(2);
    for (const { azureTenantId, action } of claims) {
      expect(action.azureTenantId).toBe(azureTenantId);
      expect(action['ticket']).toBe(`of ${azureTenantId}`);
    }
  });

  it('never gives one action to two workers that claim at once', async () => {
    await free(120, 'a');
    const claims = await Promise.all(times(24, () => claim({ a: 7 }, 7)));
    const ids = claims.flat().map(({ actionId }) => actionId);
    while (true) {
      const more = await claim({ a: 7 }, 7);
      if (more.length === 0) break;
      ids.push(...more.map(({ actionId }) => actionId));
    }
    expect(ids).toHaveLength(120);
    expect(new Set(ids).size).toBe(120);
  });

  it('passes by what another claim has in hand, rather than wait for it', async () => {
    const [first, second] = await free(2, 'a');
    await database.inTransaction(async (manager) => {
      const room = {
        byProvider: new Map([['a', 1]]),
        total: 1,
        repeatable: new Set<string>(),
        turns: new Map(),
      };
      expect((await claimWork(manager, room, LEASE))[0]?.actionId).toBe(first);
      expect((await claim({ a: 5 }, 5)).map(({ actionId }) => actionId)).toEqual([second]);
    });
  });

  /** What a statement makes of a claim, as somebody asks for the action to be cancelled at the same moment. */
  const whileCancelled = async <T>(statement: (held: Claim) => Promise<T>) => {
    const [id] = await database.ingest(command());
    const [held] = await database.claim(1, { repeatable: true });
    let blocked!: Promise<T>;
    await database.inTransaction(async (manager) => {
      await cancelAction(manager, OPERATOR, id!, { canTakeBack: true });
      blocked = statement(held!);
      await database.untilBlocked();
    });
    return { held: held!, answer: await blocked, work: (await database.work(id!))! };
  };

  describe('markSent', () => {
    it('refuses what somebody asks to be cancelled at the same moment', async () => {
      const { answer, work } = await whileCancelled((held) => markSent(database.manager, [held]));
      expect(answer).toEqual(new Set());
      expect(work).toMatchObject({ sentDateTime: null, cancelRequestedDateTime: expect.any(Date) });
    });

    it('marks the attempts that hold their lease', async () => {
      const { id, claim: held } = await claimedOne();
      expect(await markSent(database.manager, [held])).toEqual(new Set([held.attemptId]));
      expect((await database.work(id))?.sentDateTime).toBeInstanceOf(Date);
    });

    it('refuses an expired lease, even one that nobody has taken over', async () => {
      const { id, claim: held } = await claimedOne();
      await database.expireLeases();
      expect(await markSent(database.manager, [held])).toEqual(new Set());
      expect((await database.work(id))?.sentDateTime).toBeNull();
    });

    it('refuses an attempt that is not on record any more', async () => {
      const { id, claim: held } = await claimedOne();
      const old = { ...held, attemptId: randomUUID() };
      expect(await markSent(database.manager, [old, held])).toEqual(new Set([held.attemptId]));
      await database.settle({ ...held, type: 'completed' });
      expect(await markSent(database.manager, [held])).toEqual(new Set());
      expect(await database.work(id)).toBeUndefined();
    });
  });

  describe('renewLeases', () => {
    it('extends the leases, and names only those still on record', async () => {
      const { id, claim: held } = await claimedOne();
      await database.expireLeases();
      const old = { ...held, attemptId: randomUUID() };
      const renewed = await renewLeases(database.manager, [old, held], 3_600_000);
      expect(renewed).toEqual(new Set([held.attemptId]));
      const until = (await database.work(id))!.leaseUntil!.getTime();
      expect(until - Date.now()).toBeGreaterThan(3_000_000);
    });

    it('extends a lease when the action is to be cancelled at the same moment', async () => {
      const { held, answer, work } = await whileCancelled((one) =>
        renewLeases(database.manager, [one], 3_600_000),
      );
      expect(answer).toEqual(new Set([held.attemptId]));
      expect(work.leaseUntil!.getTime() - Date.now()).toBeGreaterThan(3_000_000);
      expect(work.cancelRequestedDateTime).toBeInstanceOf(Date);
    });

    it('returns nothing for an action that has ended', async () => {
      const { claim: held } = await claimedOne();
      await database.settle({ ...held, type: 'completed' });
      expect(await renewLeases(database.manager, [held], 1000)).toEqual(new Set());
    });
  });

  describe('renewUnlocked', () => {
    it('passes over what somebody else has locked, and tells it from what is not on record any more', async () => {
      await database.ingest(command({ target: 'a' }), command({ target: 'b' }));
      const [free, lockedOne] = (await database.claim()) as [Claim, Claim];
      await database.expireLeases();
      const old = { ...free, attemptId: randomUUID() };
      await database.dataSource.transaction(async (other) => {
        await other.query(`SELECT FROM "security_action_work" WHERE "actionId" = $1 FOR UPDATE`, [
          lockedOne.actionId,
        ]);
        const claims = [old, lockedOne, free];
        expect(await renewUnlocked(database.manager, claims, 3_600_000)).toEqual({
          renewed: new Set([free.attemptId]),
          locked: new Set([lockedOne.attemptId]),
        });
      });
      const leaseMs = async ({ actionId }: { actionId: string }) =>
        (await database.work(actionId))!.leaseUntil!.getTime() - Date.now();
      expect(await leaseMs(free)).toBeGreaterThan(3_000_000);
      expect(await leaseMs(lockedOne)).toBeLessThan(0);
    });
  });

  describe('releaseClaims', () => {
    it('gives the attempt back, so that it does not count', async () => {
      const { id, claim: held } = await claimedOne();
      await markSent(database.manager, [held]);
      await releaseClaims(database.manager, [held]);
      expect(await database.work(id)).toMatchObject({
        attempt: 0,
        attemptId: null,
        leaseOwner: null,
        leaseUntil: null,
        sentDateTime: null,
        ready: true,
      });
      const [again] = await database.claim();
      expect(again).toMatchObject({ actionId: id, attempt: 1 });
      expect(again!.attemptId).not.toBe(held.attemptId);
    });

    it('changes nothing of an attempt that another worker has begun since', async () => {
      const { claim: held } = await claimedOne();
      await releaseClaims(database.manager, [held]);
      await database.claim();
      const before = await database.snapshot();
      await releaseClaims(database.manager, [held]);
      expect(await database.snapshot()).toEqual(before);
    });
  });
});
