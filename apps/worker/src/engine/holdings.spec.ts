import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import type { Claim, ClaimRoom } from '#database/claim.queries';
import { Catalogue, providerKey } from '#providers/catalogue';
import { providerEntry } from '#providers/provider-entry.fixture';
import { claimOf } from './claim.fixture.ts';
import { Circuits } from './circuits.ts';
import { Holdings } from './holdings.ts';

const A = 'Acme/Firewall';
const B = 'Acme/Mail';
const LEASE_MS = 30_000;
const CIRCUIT_OPEN_MS = 5000;

/** A worker with room for 10 calls in all, 4 of provider A and 20 of B. */
function setup() {
  const settings = loadSettings({
    CALLS_IN_FLIGHT_MAX: '10',
    LEASE_MS: String(LEASE_MS),
    CIRCUIT_OPEN_MS: String(CIRCUIT_OPEN_MS),
  });
  const idempotent = { idempotent: true, cancel: false, probe: false };
  const catalogue = new Catalogue([
    providerEntry({ concurrencyMax: 4 }),
    providerEntry({ provider: 'Mail', concurrencyMax: 20, capabilities: idempotent }),
  ]);
  const circuits = new Circuits(settings);
  const holdings = new Holdings(settings, catalogue, circuits);
  const all = new Map(
    catalogue.providers.map((entry) => {
      const { concurrencyMax } = entry;
      return [providerKey(entry), { slots: concurrencyMax, share: concurrencyMax }];
    }),
  );
  holdings.grant(all, performance.now() + LEASE_MS);
  return Object.assign(holdings, { circuits });
}

const claims = (count: number, providerKey = A) =>
  Array.from({ length: count }, () => claimOf({ providerKey }));

/** The room a claim is offered that takes nothing. */
async function roomOf(holdings: Holdings, limit = 100): Promise<Record<string, number>> {
  let offered: ClaimRoom | undefined;
  await holdings.claim({ total: limit }, (room) => {
    offered = room;
    return Promise.resolve([]);
  });
  return { ...Object.fromEntries(offered!.byProvider), total: offered!.total };
}

const hold = (holdings: Holdings, count: number, providerKey = A) =>
  holdings.claim({ total: count }, () => Promise.resolve(claims(count, providerKey)));

describe('the room of a worker', () => {
  it('is there for others while three transactions claim as much as one may', async () => {
    const holdings = setup();
    const open = Promise.withResolvers<Claim[]>();
    const claiming = Array.from({ length: 3 }, () =>
      holdings.claim({ total: holdings.claimsMax }, () => open.promise),
    );
    expect((await roomOf(holdings, holdings.claimsMax))['total']).toBeGreaterThan(0);
    open.resolve([]);
    await Promise.all(claiming);
    expect(await roomOf(holdings)).toMatchObject({ total: 10 });
  });

  it('is bounded by each provider, by all calls together and by what the claim can use', async () => {
    const holdings = setup();
    expect(await roomOf(holdings)).toEqual({ [A]: 4, [B]: 10, total: 10 });
    expect(await roomOf(holdings, 3)).toEqual({ [A]: 3, [B]: 3, total: 3 });
    expect(await roomOf(holdings, 0)).toEqual({ total: 0 });
    expect(await roomOf(holdings, -1)).toEqual({ total: 0 });
  });

  it('is at each provider no more than the claim can use there', async () => {
    const wanted = { total: 8, byProvider: new Map([[A, 2]]) };
    let offered: ClaimRoom | undefined;
    const holdings = setup();
    const { promise: taken, resolve: take } = Promise.withResolvers<Claim[]>();
    const claiming = holdings.claim(wanted, (room) => {
      offered = room;
      return taken;
    });
    expect(offered!.byProvider).toEqual(new Map([[A, 2]]));
    // What it has no use for is left to others meanwhile.
    expect(await roomOf(holdings)).toEqual({ [A]: 2, [B]: 2, total: 2 });
    take([]);
    await claiming;
  });

  it('shrinks by what is held, and leaves out a provider that has none', async () => {
    const holdings = setup();
    await hold(holdings, 4, A);
    expect(await roomOf(holdings)).toEqual({ [B]: 6, total: 6 });
    await hold(holdings, 5, B);
    expect(await roomOf(holdings)).toEqual({ [B]: 1, total: 1 });
    expect(holdings.isFull).toBe(false);
    await hold(holdings, 1, B);
    expect(await roomOf(holdings)).toEqual({ total: 0 });
    expect(holdings.isFull).toBe(true);
  });

  it('comes back place by place; a place given back twice counts once', async () => {
    const holdings = setup();
    const [first, second] = await hold(holdings, 2, A);
    holdings.drop(first!);
    holdings.drop(first!);
    expect(await roomOf(holdings)).toEqual({ [A]: 3, [B]: 9, total: 9 });
    holdings.drop(second!);
    holdings.drop(second!);
    expect(await roomOf(holdings)).toEqual({ [A]: 4, [B]: 10, total: 10 });
    expect(holdings.held).toEqual([]);
  });

  it('says which providers bear repeats', async () => {
    await setup().claim({ total: 1 }, (room) => {
      expect([...room.repeatable]).toEqual([B]);
      return Promise.resolve([]);
    });
  });
});

describe('the places at a provider', () => {
  afterEach(() => vi.useRealTimers());

  const grant = (holdings: Holdings, slots: number, share = slots, endsInMs = LEASE_MS) =>
    holdings.grant(new Map([[A, { slots, share }]]), performance.now() + endsInMs);

  it('are what this worker has of them, whatever the provider bears in all', async () => {
    const holdings = setup();
    expect(grant(holdings, 2)).toBe(false);
    expect(await roomOf(holdings)).toEqual({ [A]: 2, total: 10 });
    expect(grant(holdings, 3)).toBe(true);
  });

  it('are used no further than the share, while those in use are kept', async () => {
    const holdings = setup();
    const [held] = await hold(holdings, 3, A);
    expect(holdings.yieldSlots(A)).toBe(4);
    grant(holdings, 4, 2);
    expect(await roomOf(holdings)).toEqual({ total: 7 });
    expect(holdings.yieldSlots(A)).toBe(3);
    holdings.drop(held!);
    expect(await roomOf(holdings)).toEqual({ total: 8 });
    expect(holdings.yieldSlots(A)).toBe(2);
  });

  it('are none once they are not renewed in time', async () => {
    const holdings = setup();
    grant(holdings, 4, 4, -1);
    expect(await roomOf(holdings)).toEqual({ total: 10 });
    expect(holdings.yieldSlots(A)).toBe(0);
  });

  it('are not used again, once given up while its circuit was open, before they are granted anew', async () => {
    const holdings = setup();
    for (let call = 0; call < 10; call += 1) holdings.circuits.note(A, 'call', false);
    expect(holdings.yieldSlots(A)).toBe(0);
    holdings.circuits.note(A, 'call', true);
    expect(await roomOf(holdings)).toEqual({ [B]: 10, total: 10 });
    grant(holdings, 4);
    expect(await roomOf(holdings)).toMatchObject({ [A]: 4 });
  });

  it('are none while its circuit is open', async () => {
    const holdings = setup();
    for (let call = 0; call < 10; call += 1) holdings.circuits.note(A, 'call', false);
    expect(await roomOf(holdings)).toEqual({ [B]: 10, total: 10 });
  });

  it('are left to others while its circuit is open, up to the last, and one is asked for to try', async () => {
    vi.useFakeTimers();
    const holdings = setup();
    for (let call = 0; call < 10; call += 1) holdings.circuits.note(A, 'call', false);
    expect([holdings.yieldSlots(A), holdings.slotsWanted(A)]).toEqual([0, 0]);
    vi.advanceTimersByTime(CIRCUIT_OPEN_MS);
    // Somebody else may have taken it meanwhile: it is not this worker's before it is granted.
    expect([holdings.yieldSlots(A), holdings.slotsWanted(A)]).toEqual([0, 1]);
    expect(await roomOf(holdings)).toEqual({ [B]: 10, total: 10 });
    expect(grant(holdings, 1)).toBe(true);
    expect(await roomOf(holdings)).toMatchObject({ [A]: 1 });
    expect(holdings.yieldSlots(A)).toBe(1);
    holdings.circuits.note(A, 'call', false);
    expect([holdings.yieldSlots(A), holdings.slotsWanted(A)]).toEqual([0, 0]);
  });

  it('are kept while calls are under way, although its circuit is open', async () => {
    const holdings = setup();
    await hold(holdings, 2, A);
    for (let call = 0; call < 10; call += 1) holdings.circuits.note(A, 'call', false);
    expect([holdings.yieldSlots(A), holdings.slotsWanted(A)]).toEqual([2, 0]);
  });
});

describe('two claims at the same time', () => {
  it('never get the same place', async () => {
    const holdings = setup();
    const first = Promise.withResolvers<ReturnType<typeof claims>>();
    const claiming = holdings.claim({ total: 7 }, () => first.promise);
    expect(await roomOf(holdings)).toEqual({ [B]: 3, total: 3 });
    await hold(holdings, 3, B);
    expect(await roomOf(holdings)).toEqual({ total: 0 });
    first.resolve([...claims(2, A), ...claims(3, B)]);
    await claiming;
    // What the first one had reserved and did not use is free again.
    expect(holdings.held).toHaveLength(8);
    expect(await roomOf(holdings)).toEqual({ [A]: 2, [B]: 2, total: 2 });
  });

  it('find no room while another has reserved it all', async () => {
    const holdings = setup();
    const all = Promise.withResolvers<[]>();
    const claiming = holdings.claim({ total: 100 }, () => all.promise);
    expect(holdings.isFull).toBe(true);
    expect(await roomOf(holdings)).toEqual({ total: 0 });
    all.resolve([]);
    await claiming;
    expect(await roomOf(holdings)).toEqual({ [A]: 4, [B]: 10, total: 10 });
  });

  it('do not lose what a failed one had reserved', async () => {
    const holdings = setup();
    await expect(
      holdings.claim({ total: 100 }, () => Promise.reject(new Error('Postgres is away'))),
    ).rejects.toThrow('Postgres is away');
    const thrown = holdings.claim({ total: 100 }, () => {
      throw new Error('no connection');
    });
    await expect(thrown).rejects.toThrow('no connection');
    expect(await roomOf(holdings)).toEqual({ [A]: 4, [B]: 10, total: 10 });
  });
});

describe('a holding', () => {
  it('has its claim, its entry, and a lease that never seems longer than it is', async () => {
    const holdings = setup();
    const beforeMs = performance.now();
    const taken = Promise.withResolvers<ReturnType<typeof claims>>();
    const claiming = holdings.claim({ total: 1 }, () => taken.promise);
    const askedMs = performance.now();
    const [claim] = claims(1, B);
    taken.resolve([claim!]);
    const [holding] = await claiming;
    expect(holding).toMatchObject({ claim, entry: { provider: 'Mail' } });
    expect(holding!.leaseEndsAtMs).toBeGreaterThanOrEqual(beforeMs + LEASE_MS);
    expect(holding!.leaseEndsAtMs).toBeLessThanOrEqual(askedMs + LEASE_MS);
    expect(holding!.lost.signal.aborted).toBe(false);
    expect(holdings.held).toEqual([holding]);
  });
});

describe('a closed worker', () => {
  it('has room for nothing more, and keeps what it holds', async () => {
    const holdings = setup();
    const held = await hold(holdings, 2);
    await holdings.close();
    expect(await roomOf(holdings)).toEqual({ total: 0 });
    expect([holdings.isFull, holdings.isClosed]).toEqual([true, true]);
    expect(holdings.held).toEqual(held);
    holdings.drop(held[0]!);
    expect(holdings.isFull).toBe(true);
  });

  it('has waited for the claims under way, also for one that fails', async () => {
    const holdings = setup();
    const late = Promise.withResolvers<ReturnType<typeof claims>>();
    const failing = Promise.withResolvers<never>();
    const claiming = [
      holdings.claim({ total: 1 }, () => late.promise),
      holdings.claim({ total: 1 }, () => failing.promise),
    ];
    const settled = Promise.allSettled(claiming);
    let closed = false;
    const closing = holdings.close().then(() => (closed = true));
    late.resolve(claims(1));
    await claiming[0];
    expect(closed).toBe(false);
    failing.reject(new Error('Postgres is away'));
    await Promise.all([closing, settled]);
    expect(holdings.held).toHaveLength(1);
  });
});
