import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { HoldInForce } from '#domain/hold';
import type { SecurityAction } from '#domain/security-action';
import { type Client, PUBLISHED_SAMPLE, simulate } from '../support/client.ts';
import { HOLDS, type HoldPage, operatorOf } from '../support/holds.ts';
import { System } from '../support/system.ts';

const ROOT_TENANT = 'tenant-root';
const WAIT = { timeout: 40_000, interval: 50 };
const BLOCK_IP = 'Microsoft/Windows Defender ATP';
const SIMULATE = 'SecurityActions/Simulator';

/** What one tenant wants of one provider, as fast as it is accepted. */
interface Stream {
  tenant: string;
  provider: string;
  body: (n: number) => object;
}

const STREAMS: Stream[] = [
  { tenant: 'tenant-a', provider: SIMULATE, body: () => simulate({ delayMs: '20' }) },
  { tenant: 'tenant-b', provider: SIMULATE, body: () => simulate({ delayMs: '20' }) },
  {
    tenant: 'tenant-a',
    provider: BLOCK_IP,
    body: (n) => ({
      ...PUBLISHED_SAMPLE,
      parameters: [{ name: 'IP', value: `10.0.${n >> 8}.${n & 255}` }],
    }),
  },
];

describe('a hold', () => {
  let system: System;
  /** An operator of every tenant. */
  let root: Client;

  beforeAll(async () => {
    // Room for fewer calls than an answer lists, so that it lists all of them.
    const env = { OPERATOR_TENANTS: ROOT_TENANT, LEASE_MS: '3000', CALLS_IN_FLIGHT_MAX: '40' };
    // Nothing here is about time-outs of reads, and the machine may be busy.
    system = await System.start({ workers: 2, env: { ...env, READ_WAIT_MS: '25000' } });
    root = await operatorOf(system, ROOT_TENANT);
  });
  afterEach(async () => {
    const { body } = await root.request<HoldPage>(
      'GET',
      `${HOLDS}?$filter=releasedDateTime eq null`,
    );
    for (const { id } of body.value) await release(id);
  });
  afterAll(() => system?.stop());

  async function hold(scope: object): Promise<HoldInForce> {
    const { status, body } = await root.request<HoldInForce>('POST', HOLDS, { body: scope });
    expect(status).toBe(201);
    return body;
  }
  const release = (id: string) => root.request('POST', `${HOLDS}/${id}/release`);
  const inFlight = async (id: string) =>
    (await root.request<HoldInForce>('GET', `${HOLDS}/${id}`)).body.inFlightCount;
  const drained = (id: string) => vi.waitFor(async () => expect(await inFlight(id)).toBe(0), WAIT);
  const until = (client: Client, id: string, expected: object) =>
    vi.waitFor(async () => {
      const { body } = await client.get(id);
      expect(body).toMatchObject(expected);
      return body;
    }, WAIT);
  const effectsOf = (id: string) => system.effects().filter(({ actionId }) => actionId === id);

  /** The actions of some streams that have ever been claimed. */
  async function started(streams: Stream[]): Promise<string[]> {
    const rows = await system.query<{ id: string }>(
      `SELECT "id" FROM security_action a
         JOIN unnest($1::text[], $2::text[]) AS s("tenant", "provider")
           ON a."azureTenantId" = s."tenant" AND a."providerKey" = s."provider"
        WHERE "status" <> 'NotStarted'`,
      [streams.map(({ tenant }) => tenant), streams.map(({ provider }) => provider)],
    );
    return rows.map(({ id }) => id).toSorted();
  }

  describe('under load on two workers lets nothing start that it covers, and all else go on:', () => {
    const scopes: [string, object, (stream: Stream) => boolean][] = [
      ['everything', {}, () => true],
      ['a tenant', { azureTenantId: 'tenant-b' }, ({ tenant }) => tenant === 'tenant-b'],
      ['a provider', { provider: 'windowsdefenderatp' }, ({ provider }) => provider === BLOCK_IP],
      ['an action name', { name: 'simulate' }, ({ provider }) => provider === SIMULATE],
    ];
    it.each(scopes)(
      '%s',
      async (_, scope, isCovered) => {
        let isStopped = false;
        const clients = new Map<string, Client>();
        for (const { tenant } of STREAMS) clients.set(tenant, await system.client({ tenant }));
        const effectsBefore = system.effects().length;
        const pumps = STREAMS.map(async ({ tenant, body }) => {
          for (let n = 0; !isStopped; n += 1) await clients.get(tenant)!.created(body(n));
        });
        await vi.waitFor(
          () => expect(system.effects().length - effectsBefore).toBeGreaterThan(30),
          WAIT,
        );

        const { id, inFlight: flying } = await hold(scope);
        const covered = STREAMS.filter(isCovered);
        const before = await started(covered);

        // Accepted after the hold, and still: what it covers waits, and says for what; the rest ends.
        for (const stream of STREAMS) {
          const client = clients.get(stream.tenant)!;
          const action = await client.created(stream.body(0xffff));
          await until(client, action, isCovered(stream) ? { waitingFor: `hold:${id}` } : COMPLETED);
        }
        isStopped = true;
        await Promise.all(pumps);
        await drained(id);
        expect(await started(covered)).toEqual(before);
        for (const action of flying!) expect(before).toContain(action.id);

        await release(id);
        await vi.waitFor(
          async () => expect(Object.keys(await system.statuses())).toEqual(['Completed']),
          WAIT,
        );
      },
      120_000,
    );
  });

  it('keeps the order of a target: what waits is cancelled or goes on one after the other', async () => {
    const client = await system.client({ tenant: 'tenant-order' });
    const { id } = await hold({ azureTenantId: 'tenant-order' });
    const ids: string[] = [];
    for (let n = 0; n < 6; n += 1) {
      ids.push(await client.created(simulate({ target: 'host-1', delayMs: '20' })));
    }
    await until(client, ids[0]!, { status: 'NotStarted', waitingFor: `hold:${id}` });
    await until(client, ids[5]!, { waitingFor: `target:${ids[0]}` });

    const cancelled = await client.cancel(ids[0]!);
    expect(cancelled.headers.get('cancel-outcome')).toBe('prevented');
    // The next one has become the head of the target, and waits for the hold as that one did.
    await until(client, ids[1]!, { status: 'NotStarted', waitingFor: `hold:${id}` });

    await release(id);
    const ran: SecurityAction[] = [];
    for (const each of ids.slice(1)) ran.push(await until(client, each, COMPLETED));
    for (let n = 1; n < ran.length; n += 1) {
      const start = ran[n]!.states[1]!.updatedDateTime!;
      expect(start >= ran[n - 1]!.completedDateTime!).toBe(true);
    }
    expect((await client.get(ids[0]!)).body).toMatchObject({ errorInfo: { code: 1 } });
    expect(effectsOf(ids[0]!)).toEqual([]);
  });

  it('lists what is with its provider, and what its provider is to report', async () => {
    const client = await system.client({ tenant: 'tenant-flight' });
    const stalled = await client.created(simulate({ outcome: 'Stall' }, 'Strict Simulator'));
    await vi.waitFor(() => expect(effectsOf(stalled)).toHaveLength(1), WAIT);
    const first = await hold({ azureTenantId: 'tenant-flight' });
    const taken = await client.created(simulate());
    await until(client, taken, { waitingFor: `hold:${first.id}` });
    const report = { body: { status: 'Running' } };
    const path = `/v1.0/security/securityActions/${taken}`;
    expect((await client.request('PATCH', path, report)).status).toBe(200);
    await client.created(simulate());

    const { inFlight: flying, inFlightCount } = await hold({ azureTenantId: 'tenant-flight' });
    expect(inFlightCount).toBe(2);
    const [with_, reported] = flying!;
    expect(with_).toEqual({
      id: stalled,
      azureTenantId: 'tenant-flight',
      status: 'Running',
      vendor: 'SecurityActions',
      provider: 'Strict Simulator',
      name: 'Simulate',
      attempt: 1,
      leaseUntil: expect.stringMatching(/Z$/),
      awaitingReport: false,
    });
    expect(first.inFlight!.map(({ id }) => id)).toEqual([stalled]);
    expect(reported).toMatchObject({ id: taken, leaseUntil: null, awaitingReport: true });

    // The one ends as it would have ended; the other is its provider's to end.
    await until(client, stalled, { status: 'Failed', errorInfo: { code: 3 } });
    expect(await inFlight(first.id)).toBe(1);
    await client.request('PATCH', path, { body: { status: 'Completed' } });
    expect(await inFlight(first.id)).toBe(0);
  });

  it('holds a retry, for as long as it stands, and no attempt is used up meanwhile', async () => {
    const client = await system.client({ tenant: 'tenant-retry' });
    const id = await client.created(simulate({ failAttempts: '3' }));
    await until(client, id, { status: 'Running' });
    const { id: holdId } = await hold({ azureTenantId: 'tenant-retry' });
    await drained(holdId);
    await until(client, id, { status: 'Running', waitingFor: `hold:${holdId}` });
    const attempts = async () =>
      (
        await system.query('SELECT "attempt" FROM security_action_work WHERE "actionId" = $1', [id])
      )[0];
    const attempt = await attempts();
    // Due, and passed by: the workers have looked since then, and run something else.
    await vi.waitFor(async () => {
      const due = `SELECT FROM security_action_work WHERE "actionId" = $1 AND "dueDateTime" < now()`;
      expect(await system.query(due, [id])).toHaveLength(1);
    }, WAIT);
    const other = await system.client({ tenant: 'tenant-free' });
    await until(other, await other.created(simulate()), COMPLETED);
    expect(await attempts()).toEqual(attempt);
    await release(holdId);
    await until(client, id, COMPLETED);
    expect(effectsOf(id).map((effect) => effect.attempt)).toEqual([4]);
  });

  it('outlasts every worker, and holds what a lost one had in flight', async () => {
    const client = await system.client({ tenant: 'tenant-crash' });
    const flying = await client.created(simulate({ outcome: 'Stall' }));
    await vi.waitFor(() => expect(effectsOf(flying)).toHaveLength(1), WAIT);
    const { id } = await hold({ azureTenantId: 'tenant-crash' });
    const waiting = await client.created(simulate());
    await until(client, waiting, { waitingFor: `hold:${id}` });

    await Promise.all(system.workers.splice(0).map((worker) => worker.kill()));
    await system.startWorker();
    // It bears a repeat, so it would be called again once its lease is over.
    await until(client, flying, { status: 'Running', waitingFor: `hold:${id}` });
    const other = await system.client({ tenant: 'tenant-free' });
    await until(other, await other.created(simulate()), COMPLETED);
    expect(effectsOf(flying)).toHaveLength(1);
    expect(effectsOf(waiting)).toEqual([]);
    expect((await client.get(waiting)).body.status).toBe('NotStarted');

    await release(id);
    await until(client, waiting, COMPLETED);
    await vi.waitFor(() => expect(effectsOf(flying).length).toBeGreaterThan(1), WAIT);
  }, 120_000);
});

const COMPLETED = { status: 'Completed' };
