import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LEASE_MS_MAX } from '#config/longest-lease';
import { dropSlots, leaseSlots } from '#database/provider-slot.queries';
import { TestDatabase, times } from '../support/database.ts';

const PROVIDER = 'Acme/Firewall';
const LEASE_MS = 60_000;

describe('the places at a provider', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  beforeEach(() => database.clear());
  afterAll(() => database?.drop());

  /** What a worker gets that has not less than `floor` in use. */
  const lease = async (owner: string, { floor = 0, concurrencyMax = 10, wanted = 10 } = {}) => {
    const circuitOpen = false;
    const request = { providerKey: PROVIDER, concurrencyMax, floor, wanted, circuitOpen };
    const grants = await database.inTransaction((manager) =>
      leaseSlots(manager, [request], { owner, leaseMs: LEASE_MS }),
    );
    return grants.get(PROVIDER)!;
  };

  const leased = async () => {
    const [row] = await database.query<{ slots: number }>(
      'SELECT coalesce(sum(slots), 0)::int AS slots FROM provider_slot',
    );
    return row!.slots;
  };

  it('are all of them for a worker that is alone', async () => {
    expect(await lease('one')).toMatchObject({ slots: 10, share: 10 });
  });

  it('are shared in equal parts, as soon as the first has given up what is more than its part', async () => {
    await lease('one');
    expect(await lease('two')).toMatchObject({ slots: 0, share: 5 });
    expect(await lease('one', { floor: 10 })).toMatchObject({ slots: 10, share: 5 });
    expect(await lease('one', { floor: 7 })).toMatchObject({ slots: 7, share: 5 });
    expect(await lease('two')).toMatchObject({ slots: 3, share: 5 });
    expect(await lease('one', { floor: 5 })).toMatchObject({ slots: 5, share: 5 });
    expect(await lease('two', { floor: 3 })).toMatchObject({ slots: 5, share: 5 });
  });

  it('are those of a worker that stops at once, and of one that died after its lease', async () => {
    await lease('one');
    await dropSlots(database.manager, 'one');
    expect(await lease('two')).toMatchObject({ slots: 10 });
    await database.query(
      `UPDATE provider_slot SET "leaseUntil" = clock_timestamp() - interval '1 ms'`,
    );
    expect(await lease('three')).toMatchObject({ slots: 10 });
  });

  describe('of a lease from before the clock was set back', () => {
    const setBack = () =>
      database.query(`UPDATE provider_slot SET "leaseUntil" = "leaseUntil" + interval '3 hours'`);
    const pass = (ms: number) =>
      database.query(
        `UPDATE provider_slot SET "leaseUntil" = "leaseUntil" - $1 * interval '1 ms' WHERE owner = 'one'`,
        [ms],
      );

    it('are believed taken for no longer than the longest there can be, as of the next look', async () => {
      await lease('one');
      await setBack();
      expect(await lease('two')).toMatchObject({ slots: 0, share: 5 });
      await pass(LEASE_MS_MAX - 30_000);
      expect(await lease('two')).toMatchObject({ slots: 0, share: 5 });
      await pass(30_000);
      expect(await lease('two')).toMatchObject({ slots: 10, share: 10 });
    });

    it('stay with a worker that lives, and are renewed by it as ever', async () => {
      await lease('one');
      await setBack();
      await lease('two');
      expect(await lease('one', { floor: 10 })).toMatchObject({ slots: 10 });
      expect(await lease('two')).toMatchObject({ slots: 0 });
      await pass(LEASE_MS);
      expect(await lease('two')).toMatchObject({ slots: 10 });
    });
  });

  it('are left to others by a worker that cannot use them', async () => {
    await lease('one');
    expect(await lease('one', { wanted: 1, floor: 1 })).toMatchObject({ slots: 1 });
    expect(await lease('two')).toMatchObject({ slots: 5 });
    expect(await lease('one', { wanted: 0 })).toMatchObject({ slots: 0 });
  });

  it('go to the first who asks where there are fewer than workers', async () => {
    expect(await lease('one', { concurrencyMax: 1 })).toMatchObject({ slots: 1 });
    expect(await lease('two', { concurrencyMax: 1 })).toMatchObject({ slots: 0, share: 1 });
    expect(await lease('one', { concurrencyMax: 1, floor: 1 })).toMatchObject({ slots: 1 });
  });

  it('go, where there are fewer than workers, to another one while the first does not call', async () => {
    const only = { concurrencyMax: 1 };
    await lease('one', only);
    expect(await lease('one', { ...only, wanted: 0 })).toMatchObject({ slots: 0 });
    expect(await lease('two', only)).toMatchObject({ slots: 1 });
    expect(await lease('one', { ...only, wanted: 1 })).toMatchObject({ slots: 0 });
    await dropSlots(database.manager, 'two');
    expect(await lease('one', { ...only, wanted: 1 })).toMatchObject({ slots: 1 });
  });

  it('are never more than there are, however many ask at once', async () => {
    await Promise.all(times(7, (worker) => lease(`worker-${worker}`)));
    expect(await leased()).toBeLessThanOrEqual(10);
    const rounds = await Promise.all(times(7, (worker) => lease(`worker-${worker}`)));
    expect(rounds.every(({ share }) => share === 2)).toBe(true);
    expect(await leased()).toBeLessThanOrEqual(10);
  });
});
