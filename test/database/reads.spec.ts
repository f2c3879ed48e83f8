import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findAction } from '#database/action.queries';
import { toSecurityAction, waitingFor } from '#database/action-row';
import { cancelAction } from '#database/cancel.queries';
import { releaseClaims } from '#database/held-claims.queries';
import { countActions, findPage } from '#database/list.queries';
import { securityActionSchema } from '#domain/security-action';
import { PROVIDER, TENANT, TestDatabase, command, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const OTHER = 'tenant-b';
const CALLER = { tenantId: TENANT, appId: 'app-1', user: null };

describe('reads', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  const find = (id: string, tenant = TENANT) => findAction(database.manager, tenant, id);
  const page = (below: string | null = null, limit = 100, tenant = TENANT) =>
    findPage(database.manager, tenant, {
      filter: null,
      order: [],
      after: below === null ? null : { values: [], position: below },
      skip: 0,
      limit,
    });
  const count = (tenant = TENANT) => countActions(database.manager, tenant);
  const hide = (id: string) =>
    database.query('UPDATE security_action SET "deletedDateTime" = now() WHERE id = $1', [id]);

  it('find an action of the own tenant, as the resource that Graph declares', async () => {
    const accepted = command({ acceptedDateTime: '2026-02-03T04:05:06.700Z' });
    await database.ingest(accepted);
    const action = toSecurityAction((await find(accepted.action.id))!);
    expect(securityActionSchema.parse(action)).toEqual(action);
    expect(action).toMatchObject({
      id: accepted.action.id,
      azureTenantId: TENANT,
      status: 'NotStarted',
      createdDateTime: '2026-02-03T04:05:06.700Z',
      parameters: accepted.action.parameters,
      vendorInformation: accepted.action.vendorInformation,
      ticket: `of ${TENANT}`,
      states: [
        {
          appId: 'app-1',
          status: 'NotStarted',
          updatedDateTime: '2026-02-03T04:05:06.700Z',
          user: 'ann@example.com',
        },
      ],
    });
  });

  it("never show another tenant's actions, one by one, in a page or in the count", async () => {
    const [own] = await database.ingest(command(), command({ tenant: OTHER }));
    const [foreign] = await page(null, 100, OTHER);
    expect(await find(foreign!.id)).toBeUndefined();
    expect(await find(own!, OTHER)).toBeUndefined();
    expect((await page()).map(({ id }) => id)).toEqual([own]);
    expect([await count(), await count(OTHER), await count('tenant-c')]).toEqual([1, 1, 0]);
    expect(await page(null, 100, 'tenant-c')).toEqual([]);
  });

  it('show each tenant its own of two actions with one id, with its own states and work', async () => {
    const id = randomUUID();
    await database.ingest(command({ id }), command({ id, tenant: OTHER }));
    await database.inTransaction((manager) =>
      cancelAction(manager, CALLER, id, { canTakeBack: false }),
    );
    const [own, foreign] = [await find(id), await find(id, OTHER)];
    expect([own!.azureTenantId, own!.states.length, own!.work]).toEqual([TENANT, 2, null]);
    expect([foreign!.azureTenantId, foreign!.states.length]).toEqual([OTHER, 1]);
    expect(foreign!.work).toMatchObject({ ready: true });
  });

  it('do not show what was deleted', async () => {
    const [kept, deleted] = await database.ingest(
      command({ target: null }),
      command({ target: null }),
    );
    await hide(deleted!);
    expect(await find(deleted!)).toBeUndefined();
    expect((await page()).map(({ id }) => id)).toEqual([kept]);
    expect(await count()).toBe(1);
  });

  it('find nothing for an id that nobody has', async () => {
    expect(await find(randomUUID())).toBeUndefined();
    expect(await page()).toEqual([]);
    expect(await count()).toBe(0);
  });

  it('page newest first through everything once, while more arrives and some is deleted', async () => {
    const arrive = (amount: number) =>
      database.ingest(...times(amount, () => [command(), command({ tenant: OTHER })]).flat());
    await arrive(23);
    const expected = (await page()).map(({ id }) => id);
    expect(expected).toHaveLength(23);
    const seen: string[] = [];
    let below: string | null = null;
    for (let rows = await page(below, 5); rows.length > 0; rows = await page(below, 5)) {
      seen.push(...rows.map(({ id }) => id));
      below = rows.at(-1)!.position;
      await arrive(3);
      await hide(seen[0]!);
    }
    expect(seen).toEqual(expected);
  });

  it('give the page in the order of arrival, whatever happens to the actions meanwhile', async () => {
    const ids = await database.ingest(...times(6, () => command({ target: null })));
    for (const claim of (await database.claim()).toReversed().slice(0, 3)) {
      await database.settle({ ...claim, type: 'completed' });
    }
    expect((await page()).map(({ id }) => id)).toEqual(ids.toReversed());
  });

  describe('what an action waits for', () => {
    const waiting = async (id: string, isKnown = (key: string) => key === PROVIDER) =>
      waitingFor((await find(id))!, isKnown);
    const errorInfo = { code: 0, message: 'later', subcode: 0 };
    const again = { type: 'attemptFailed' as const, errorInfo, mayHaveActed: false };

    it('is a slot when it could run now', async () => {
      const [id] = await database.ingest(command());
      expect(await waiting(id!)).toBe('slot');
    });

    it('is its provider when nobody here knows it', async () => {
      const [id] = await database.ingest(command({ provider: 'Old/Gone' }));
      expect(await waiting(id!)).toBe('provider');
    });

    it('is the first unfinished action on its target, whoever is between', async () => {
      const [first, second, third] = await database.ingest(command(), command(), command());
      await database.ingest(command({ tenant: OTHER }));
      expect(await waiting(second!)).toBe(`target:${first}`);
      expect(await waiting(third!)).toBe(`target:${first}`);
      await database.settle({ ...(await database.claim(1))[0]!, type: 'completed' });
      expect(await waiting(second!)).toBe('slot');
      expect(await waiting(third!)).toBe(`target:${second}`);
    });

    it('is nothing while a worker has it', async () => {
      const [id] = await database.ingest(command());
      await database.claim();
      expect(await waiting(id!)).toBeNull();
    });

    it('is a retry until that is due, then a slot', async () => {
      const [id] = await database.ingest(command());
      const [claim] = await database.claim();
      await database.settle({ ...claim!, ...again, dueInMs: 3_600_000 });
      expect(await waiting(id!)).toBe('retry');
      await database.query('UPDATE security_action_work SET "dueDateTime" = now()');
      expect(await waiting(id!)).toBe('slot');
    });

    it('is a slot when its worker has given it back', async () => {
      const [id] = await database.ingest(command());
      await releaseClaims(database.manager, await database.claim());
      expect(await waiting(id!)).toBe('slot');
    });

    it('is nothing after the end, however it came', async () => {
      const [completed, failed, cancelled] = await database.ingest(
        ...times(3, () => command({ target: null })),
      );
      await database.inTransaction((manager) =>
        cancelAction(manager, CALLER, cancelled!, { canTakeBack: false }),
      );
      const [first, second] = await database.claim();
      await database.settle(
        { ...first!, type: 'completed' },
        { ...second!, type: 'failed', errorInfo },
      );
      for (const id of [completed, failed, cancelled]) expect(await waiting(id!)).toBeNull();
    });
  });
});
