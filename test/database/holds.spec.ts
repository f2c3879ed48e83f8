import { randomUUID } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { findAction } from '#database/action.queries';
import { waitingFor } from '#database/action-row';
import { cancelAction } from '#database/cancel.queries';
import { claimWork } from '#database/claim.queries';
import {
  type HoldScope,
  IN_FLIGHT_SHOWN_MAX,
  STANDING_HOLDS_MAX,
  countHeld,
  createHold,
  findHold,
  findHolds,
  findInFlight,
  releaseHold,
} from '#database/hold.queries';
import {
  EVERYTHING,
  OPERATOR,
  PROVIDER,
  TENANT,
  TestDatabase,
  command,
  times,
} from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const WAIT = { timeout: 20_000, interval: 5 };

describe('holds', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  const hold: TestDatabase['hold'] = (...of) => database.hold(...of);
  const release = (id: string) => releaseHold(database.manager, OPERATOR, id);
  const claimed = async (provider = PROVIDER) =>
    (await database.claim(100, { provider })).map(({ actionId }) => actionId);
  const claimOneIn = (manager: EntityManager) =>
    claimWork(
      manager,
      {
        byProvider: new Map([[PROVIDER, 1]]),
        total: 1,
        repeatable: new Set(),
        turns: new Map(),
      },
      { owner: 'worker-1', leaseMs: 60_000 },
    );
  const list = (standing: boolean | null = null, tenant: string | null = null) =>
    findHolds(database.manager, tenant, { standing, after: null, limit: 100 });

  describe('keep from being claimed what they cover, and nothing else:', () => {
    const scopes: [string, Partial<HoldScope>, string[]][] = [
      ['everything', {}, []],
      ['a tenant', { azureTenantId: TENANT }, ['tenant-b a', 'tenant-b b']],
      ['a tenant in another case', { azureTenantId: 'Tenant-A' }, ['tenant-b a', 'tenant-b b']],
      ['a provider', { providerKey: 'a' }, ['b', 'tenant-b b']],
      ['an action', { actionName: 'Isolate' }, []],
      ['an action in another case', { actionName: 'iSOLATE' }, []],
      ['another action', { actionName: 'Release' }, ['a', 'b', 'tenant-b a', 'tenant-b b']],
      [
        'a provider in a tenant',
        { azureTenantId: TENANT, providerKey: 'a' },
        ['b', 'tenant-b a', 'tenant-b b'],
      ],
      ['an action of a provider', { providerKey: 'b', actionName: 'isolate' }, ['a', 'tenant-b a']],
    ];
    it.each(scopes)('%s', async (_, scope, free) => {
      const names = new Map<string, string>();
      for (const tenant of [TENANT, 'tenant-b']) {
        for (const provider of ['a', 'b']) {
          const [id] = await database.ingest(command({ tenant, provider, target: null }));
          names.set(id!, tenant === TENANT ? provider : `${tenant} ${provider}`);
        }
      }
      const { hold: made } = await hold(scope);
      const taken = [...(await claimed('a')), ...(await claimed('b'))];
      expect(taken.map((id) => names.get(id)!).toSorted()).toEqual(free.toSorted());
      await release(made.id);
      expect([...(await claimed('a')), ...(await claimed('b'))]).toHaveLength(4 - free.length);
    });
  });

  it('add up: an action goes on when none covers it any more', async () => {
    const [id] = await database.ingest(command());
    const first = await hold();
    const second = await hold({ providerKey: PROVIDER });
    await release(first.hold.id);
    expect(await claimed()).toEqual([]);
    await release(second.hold.id);
    expect(await claimed()).toEqual([id]);
  });

  it('are what an action waits for, the oldest of them, and its target comes first', async () => {
    const [head, next] = await database.ingest(command(), command());
    const first = await hold();
    await hold({ azureTenantId: TENANT });
    const waits = async (id: string) =>
      waitingFor((await findAction(database.manager, TENANT, id))!, () => true);
    expect(await waits(head!)).toBe(`hold:${first.hold.id}`);
    expect(await waits(next!)).toBe(`target:${head}`);
  });

  it('cover a retry and a question to the provider as well', async () => {
    const ids = await database.ingest(command({ target: null }), command({ target: null }));
    const claims = await database.claim();
    await database.settle(
      { ...claims[0]!, ...FAILED, next: 'call', mayHaveActed: false },
      { ...claims[1]!, ...FAILED, next: 'probe', mayHaveActed: true },
    );
    const made = await hold();
    expect(made.inFlight).toEqual({ actions: [], count: 0 });
    expect(await claimed()).toEqual([]);
    await release(made.hold.id);
    expect((await claimed()).toSorted()).toEqual(ids.toSorted());
  });

  it('leave what waits free to be cancelled, and its successor waits on', async () => {
    const [head, next] = await database.ingest(command(), command());
    const made = await hold();
    const decision = await database.inTransaction((manager) =>
      cancelAction(manager, OPERATOR, head!, { canTakeBack: false }),
    );
    expect(decision).toBe('prevented');
    expect(await claimed()).toEqual([]);
    await release(made.hold.id);
    expect(await claimed()).toEqual([next]);
  });

  describe('find in flight', () => {
    it('what is leased or awaits a report, and not what waits', async () => {
      const [leased, taken] = await database.ingest(...times(2, () => command({ target: null })));
      const [, takenClaim] = await database.claim(2);
      await database.settle({ ...takenClaim!, type: 'accepted', dueInMs: 60_000, next: 'probe' });
      await database.ingest(command(), command({ tenant: 'tenant-b', provider: 'b' }));
      const { inFlight } = await hold();
      expect(inFlight.count).toBe(2);
      expect(inFlight.actions).toEqual([
        {
          id: leased,
          azureTenantId: TENANT,
          status: 'Running',
          providerKey: PROVIDER,
          name: 'isolate',
          attempt: 1,
          leaseUntil: expect.any(Date),
          awaitingReport: false,
        },
        expect.objectContaining({ id: taken, leaseUntil: null, awaitingReport: true }),
      ]);
    });

    it('what they cover, and nothing of others', async () => {
      for (const tenant of [TENANT, 'tenant-b']) await database.ingest(command({ tenant }));
      await database.claim();
      const { inFlight } = await hold({ azureTenantId: TENANT });
      expect(inFlight.actions.map(({ azureTenantId }) => azureTenantId)).toEqual([TENANT]);
      const cased = await findInFlight(database.manager, {
        ...EVERYTHING,
        azureTenantId: 'TENANT-A',
      });
      expect(cased).toEqual(inFlight);
      const none = await findInFlight(database.manager, { ...EVERYTHING, providerKey: 'b' });
      expect(none).toEqual({ actions: [], count: 0 });
    });

    it('so many that the oldest are listed and all are counted', async () => {
      const ids = await database.ingest(
        ...times(IN_FLIGHT_SHOWN_MAX + 20, () => command({ target: null })),
      );
      await database.claim(1000);
      const { inFlight } = await hold();
      expect(inFlight.count).toBe(ids.length);
      expect(inFlight.actions.map(({ id }) => id)).toEqual(ids.slice(0, IN_FLIGHT_SHOWN_MAX));
    });

    it('by the indexes, however much waits', async () => {
      await database.query(`
        INSERT INTO security_action_work ("azureTenantId", "actionId", "position", "providerKey", "ready", "dueDateTime")
        SELECT 'tenant-' || n % 50, gen_random_uuid(), n, 'a', true, now() FROM generate_series(1, 20000) n`);
      await database.query('ANALYZE security_action_work');
      const explained: Pick<EntityManager, 'query'> = {
        query: (sql: string, values?: unknown[]) =>
          database.query(`EXPLAIN ${sql}`, values) as never,
      };
      const lines = JSON.stringify(
        await findInFlight(explained, { ...EVERYTHING, providerKey: 'a' }),
      );
      expect(lines).toContain('security_action_work_lease');
      expect(lines).toContain('security_action_work_report');
      expect(lines).not.toContain('Seq Scan on security_action_work');
      await database.clear();
    });
  });

  it('count what waits: for its time, its target or them, and not what is in flight', async () => {
    const [, later] = await database.ingest(...times(2, () => command({ target: null })));
    const claims = await database.claim();
    await database.settle({ ...claims[0]!, type: 'accepted', dueInMs: 60_000, next: 'probe' });
    await database.settle({
      ...claims[1]!,
      ...FAILED,
      dueInMs: 60_000,
      next: 'call',
      mayHaveActed: false,
    });
    expect(later).toBe(claims[1]!.actionId);
    await database.ingest(command({ target: null }));
    await database.claim();
    await database.ingest(command(), command(), command({ tenant: 'tenant-b', provider: 'b' }));
    const count = (scope: Partial<HoldScope> = {}) =>
      countHeld(database.manager, { ...EVERYTHING, ...scope });
    expect(await count()).toBe(4);
    expect(await count({ azureTenantId: 'TENANT-A' })).toBe(3);
    expect(await count({ providerKey: 'b', actionName: 'ISOLATE' })).toBe(1);
    expect(await count({ azureTenantId: 'tenant-c' })).toBe(0);
  });

  describe('and claims that come at the same time', () => {
    it('have one order: a hold waits for the claims before it, and finds what they took', async () => {
      const [id] = await database.ingest(command());
      const { holding } = await database.inTransaction(async (manager) => {
        await claimOneIn(manager);
        const waiting = hold();
        await database.untilBlocked();
        return { holding: waiting };
      });
      expect((await holding).inFlight.actions.map((action) => action.id)).toEqual([id]);
    });

    it('have one order: a claim waits for the hold before it, and sees it', async () => {
      await database.ingest(command());
      const { claiming } = await database.inTransaction(async (manager) => {
        await createHold(manager, OPERATOR, { ...EVERYTHING, id: randomUUID(), reason: null });
        const waiting = claimed();
        await database.untilBlocked();
        return { claiming: waiting };
      });
      expect(await claiming).toEqual([]);
    });

    it('do not let a hold wait for claims that came after it, though claims never pause', async () => {
      const CLAIMERS = 4;
      let isHeld = false;
      let ended = 0;
      // Each begins before another has ended, so that the guard is always shared by somebody.
      const claimers = times(CLAIMERS, async () => {
        while (!isHeld) {
          await database.inTransaction(async (manager) => {
            await claimOneIn(manager);
            await manager.query('SELECT pg_sleep(0.2)');
          });
          ended += 1;
        }
      });
      await vi.waitFor(() => expect(ended).toBeGreaterThan(CLAIMERS), WAIT);
      const endedBefore = ended;
      await hold();
      isHeld = true;
      // Of each claimer the one under way, and one that began while the hold was on its way to Postgres.
      expect(ended - endedBefore).toBeLessThanOrEqual(2 * CLAIMERS);
      await Promise.all(claimers);
    });

    it('never leave a claim that is neither in flight at the hold nor before it: 30 rounds, 4 claimers', async () => {
      const late: string[] = [];
      for (let round = 0; round < 30; round += 1) {
        await database.clear();
        await database.ingest(...times(40, () => command({ target: null })));
        let isHeld = false;
        const claimers = times(4, async () => {
          const taken: string[] = [];
          while (!isHeld) taken.push(...(await database.claim(1)).map(({ actionId }) => actionId));
          // Once more, surely after the hold.
          taken.push(...(await database.claim(1)).map(({ actionId }) => actionId));
          return taken;
        });
        const { inFlight } = await hold();
        isHeld = true;
        const known = new Set(inFlight.actions.map(({ id }) => id));
        const taken = (await Promise.all(claimers)).flat();
        late.push(...taken.filter((id) => !known.has(id)));
      }
      expect(late).toEqual([]);
    }, 120_000);
  });

  describe('are kept', () => {
    it('with who made and who released them, and when', async () => {
      const { hold: made } = await hold({ providerKey: PROVIDER });
      expect(made).toMatchObject({
        azureTenantId: null,
        providerKey: PROVIDER,
        actionName: null,
        createdByTenantId: TENANT,
        createdByAppId: 'app-1',
        createdByUser: 'olga@example.com',
        releasedDateTime: null,
      });
      await release(made.id);
      const released = await findHold(database.manager, null, made.id);
      expect(released).toMatchObject({ releasedByTenantId: TENANT, releasedByAppId: 'app-1' });
      expect(released!.releasedDateTime!.getTime()).toBeGreaterThanOrEqual(
        made.createdDateTime.getTime(),
      );
      await releaseHold(database.manager, { ...OPERATOR, appId: 'app-2' }, made.id);
      expect(await findHold(database.manager, null, made.id)).toEqual(released);
    });

    it('newest first, page by page, those that stand apart from those that were released', async () => {
      const ids: string[] = [];
      for (let n = 0; n < 7; n += 1) ids.unshift((await hold()).hold.id);
      await release(ids[2]!);
      await release(ids[5]!);
      expect((await list()).map(({ id }) => id)).toEqual(ids);
      expect((await list(false)).map(({ id }) => id)).toEqual([ids[2], ids[5]]);
      expect(await list(true)).toHaveLength(5);
      const pages: string[] = [];
      let after = null;
      while (true) {
        const page = await findHolds(database.manager, null, { standing: null, after, limit: 3 });
        pages.push(...page.map(({ id }) => id));
        const last = page.at(-1);
        if (!last) break;
        after = { id: last.id, createdDateTime: last.createdDateTime.toISOString() };
      }
      expect(pages).toEqual(ids);
    });

    it("out of other tenants' sight, and those of every tenant out of any tenant's", async () => {
      const { hold: own } = await hold({ azureTenantId: TENANT });
      const { hold: foreign } = await hold({ azureTenantId: 'tenant-b' });
      const { hold: all } = await hold();
      expect((await list(null, TENANT)).map(({ id }) => id)).toEqual([own.id]);
      expect(await list(null, null)).toHaveLength(3);
      const { hold: cased } = await hold({ azureTenantId: TENANT.toUpperCase() });
      expect(await findHold(database.manager, TENANT, cased.id)).toEqual(cased);
      for (const { id } of [foreign, all]) {
        expect(await findHold(database.manager, TENANT, id)).toBeUndefined();
      }
      expect(await findHold(database.manager, TENANT, own.id)).toMatchObject({ id: own.id });
    });
  });

  it('are limited to a number that a claim can look through, by tenant', async () => {
    const made = [];
    for (let n = 0; n < STANDING_HOLDS_MAX; n += 1) made.push(await hold());
    expect(await hold()).toBeUndefined();
    expect(await hold({}, { ...OPERATOR, tenantId: 'tenant-b' })).toBeDefined();
    await release(made[0]!.hold.id);
    expect(await hold()).toBeDefined();
  });
});

const FAILED = {
  type: 'attemptFailed',
  dueInMs: 0,
  errorInfo: { code: 0, message: 'simulated', subcode: 0 },
} as const;
