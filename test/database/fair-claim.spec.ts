import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Claim, claimWork } from '#database/claim.queries';
import { PROVIDER, TestDatabase, command, times } from '../support/database.ts';
import { assertSound } from '../support/sound.ts';

const LEASE = { owner: 'worker-1', leaseMs: 60_000 };

describe('a claim', () => {
  let database: TestDatabase;
  let servedLast: Map<string, string>;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => {
    servedLast = new Map();
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
          servedLast,
        },
        LEASE,
      ),
    );
    for (const { azureTenantId } of claims) servedLast.set(PROVIDER, azureTenantId);
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
