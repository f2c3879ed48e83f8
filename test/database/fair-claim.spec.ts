import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Claim, type ClaimRoom, claimWork } from '#database/claim.queries';
import { PROVIDER, TestDatabase, command, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const LEASE = { owner: 'worker-1', leaseMs: 60_000 };

describe('a claim', () => {
  let database: TestDatabase;
  let turns: ClaimRoom['turns'];

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => {
    turns = new Map();
    return database.clear();
  });
  afterEach(() => assertSound(database));
  afterAll(() => database?.drop());

  const waiting = (tenant: string, count: number) =>
    database.ingest(...times(count, () => command({ tenant, target: null })));

  /** As a worker claims, claim after claim: it remembers whose turn was last. */
  const claim = async (slots: number): Promise<Claim[]> => {
    const claims = await database.inTransaction((manager) =>
      claimWork(
        manager,
        {
          byProvider: new Map([[PROVIDER, slots]]),
          total: slots,
          repeatable: new Set(),
          turns,
        },
        LEASE,
      ),
    );
    return claims;
  };
  const tenantsOf = (claims: Claim[]) => claims.map(({ azureTenantId }) => azureTenantId).sort();

  it('gives each tenant the same part, whoever came first', async () => {
    await waiting('flood', 50);
    await waiting('small', 4);
    expect(tenantsOf(await claim(6))).toEqual([
      ...times(3, () => 'flood'),
      ...times(3, () => 'small'),
    ]);
  });

  it('goes round from tenant to tenant where there is room for one at a time', async () => {
    await waiting('a', 50);
    await waiting('b', 2);
    await waiting('c', 2);
    const turns: string[] = [];
    for (let turn = 0; turn < 7; turn += 1) turns.push(...tenantsOf(await claim(1)));
    expect(turns).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a']);
  });

  it('reaches the first action of a tenant at once behind thousands of another', async () => {
    await waiting('flood', 3000);
    await claim(1);
    const [first] = await waiting('new', 1);
    expect((await claim(2)).map(({ actionId }) => actionId)).toContain(first);
  });

  it('leaves nothing of the room to nobody: the next claim takes what small parts left', async () => {
    await waiting('flood', 50);
    await waiting('small', 1);
    const taken = [...(await claim(10)), ...(await claim(4))];
    expect(tenantsOf(taken).filter((tenant) => tenant === 'small')).toEqual(['small']);
    expect(taken.length).toBeGreaterThanOrEqual(10);
  });

  it('serves each of more tenants than one claim looks at', async () => {
    const tenants = times(150, (number) => `tenant-${number}`);
    await database.ingest(...tenants.map((tenant) => command({ tenant, target: null })));
    const served = new Set<string>();
    for (let round = 0; round < 30 && served.size < tenants.length; round += 1) {
      tenantsOf(await claim(20)).forEach((tenant) => served.add(tenant));
    }
    expect(served.size).toBe(tenants.length);
  });

  it('comes to what can be served behind any number of tenants that cannot be', async () => {
    const waitingTenants = times(250, (number) => `a-${String(number).padStart(3, '0')}`);
    await database.ingest(...waitingTenants.map((tenant) => command({ tenant, target: null })));
    await database.query(`UPDATE security_action_work SET "dueDateTime" = now() + interval '1 h'`);
    const [ready] = await waiting('b', 1);
    const taken: Claim[] = [];
    for (let look = 0; look < 4 && taken.length === 0; look += 1) taken.push(...(await claim(5)));
    expect(taken.map(({ actionId }) => actionId)).toEqual([ready]);
  });

  it('comes to the last of many names of actions of one tenant', async () => {
    const names = times(230, (number) => `Name-${String(number).padStart(3, '0')}`);
    const ids = await database.ingest(
      ...names.map((action) => {
        const named = command({ target: null });
        return { ...named, provider: { ...named.provider, action } };
      }),
    );
    await database.query(
      `UPDATE security_action_work SET "dueDateTime" = now() + interval '1 h' WHERE "actionId" <> $1`,
      [ids.at(-1)],
    );
    const taken: Claim[] = [];
    for (let look = 0; look < 4 && taken.length === 0; look += 1) taken.push(...(await claim(5)));
    expect(taken.map(({ actionId }) => actionId)).toEqual([ids.at(-1)]);
  });

  it('locks no more than there is room for, however many tenants wait', async () => {
    for (const tenant of times(20, (number) => `tenant-${number}`)) await waiting(tenant, 1);
    await database.inTransaction(async (manager) => {
      const room = {
        byProvider: new Map([[PROVIDER, 2]]),
        total: 2,
        repeatable: new Set<string>(),
      };
      expect(await claimWork(manager, { ...room, turns: new Map() }, LEASE)).toHaveLength(2);
      expect(await claim(20)).toHaveLength(18);
    });
  });

  it('takes none of what a standing hold covers, and the rest as ever', async () => {
    const [held, free] = [await waiting('held', 3), await waiting('free', 3)];
    const id = randomUUID();
    await database.query(
      `INSERT INTO hold (id, "azureTenantId", "createdDateTime", "createdByTenantId", "createdByAppId")
       VALUES ($1, 'held', now(), 'held', 'app')`,
      [id],
    );
    expect((await claim(10)).map(({ actionId }) => actionId).sort()).toEqual(free.sort());
    await database.query('UPDATE hold SET "releasedDateTime" = now() WHERE id = $1', [id]);
    expect((await claim(10)).map(({ actionId }) => actionId).sort()).toEqual(held.sort());
  });

  it.each([
    ['provider', { providerKey: PROVIDER }, true],
    ['action name, in any case', { actionName: 'ISOLATE' }, true],
    ['another action name', { actionName: 'BlockIp' }, false],
    ['the same action of another tenant', { actionName: 'Isolate', azureTenantId: 'b' }, false],
    ['everything', {}, true],
  ])('is kept back by a hold of %s as far as that covers it', async (_name, scope, covers) => {
    await waiting('a', 1);
    const columns = { ...scope, createdByTenantId: 'a', createdByAppId: 'app' };
    const names = Object.keys(columns).map((name) => `"${name}"`);
    await database.query(
      `INSERT INTO hold (id, "createdDateTime", ${names.join(', ')})
       VALUES (gen_random_uuid(), now(), ${names.map((_, index) => `$${index + 1}`).join(', ')})`,
      Object.values(columns),
    );
    expect(await claim(5)).toHaveLength(covers ? 0 : 1);
  });
});
