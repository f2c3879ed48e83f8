import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as outage } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type PostgresProcess, startPostgres } from '../../dev/postgres/server.ts';
import type { Client } from '../support/client.ts';
import { inParallel } from '../support/in-parallel.ts';
import { WebhookSystem } from '../support/webhook-system.ts';

const LEASE_MS = 3000;
/** What a takeover may take beyond the lease of the one who was lost. */
const TAKEOVER_MS = 5000;

describe('the status of an action', () => {
  let running: WebhookSystem;
  /** A server of one test's own: others must not feel what it does to it. */
  let own: { postgres: PostgresProcess; directory: string } | undefined;
  afterEach(async () => {
    await running?.stop();
    await own?.postgres.stop();
    if (own) rmSync(own.directory, { recursive: true });
    own = undefined;
  });

  const start = async (
    providers: (url: string) => Record<string, object>,
    options: Parameters<typeof WebhookSystem.start>[1] = {},
  ): Promise<Client> => {
    const env = { LEASE_MS: String(LEASE_MS), ...options.env };
    running = await WebhookSystem.start(providers, { ...options, env });
    return running.system.client();
  };
  const arrives = (id: string, count = 1) =>
    vi.waitFor(() => expect(running.receiver.callsOf(id)).toHaveLength(count), 30_000);
  const reaches = (client: Client, id: string, expected: object, timeoutMs = 60_000) =>
    vi.waitFor(async () => expect((await client.get(id)).body).toMatchObject(expected), {
      timeout: timeoutMs,
      interval: 50,
    });
  /** The worker that has the call of an action under way. */
  const holderOf = async (id: string) => {
    const [row] = await running.system.query<{ leaseOwner: string }>(
      'SELECT "leaseOwner" FROM security_action_work WHERE "actionId" = $1',
      [id],
    );
    const pid = Number(row!.leaseOwner.split('/')[1]);
    return running.system.workers.find((worker) => worker.pid === pid)!;
  };
  const history = async (client: Client, id: string) => {
    const path = `beta/security/securityActions/${id}/history`;
    const { body } = await client.request<{ value: { type: string; attempt: number }[] }>(
      'GET',
      path,
    );
    return body.value.map(({ type, attempt }) => [type, attempt]);
  };

  it('is unknown, code 3, soon after a worker was killed between the call and its answer, and the product is not called again', async () => {
    const client = await start(() => ({ Strict: { timeoutMs: 60_000 } }), { workers: 2 });
    const id = await client.created(running.action('Strict', { answers: 'hang' }));
    await arrives(id);
    await (await holderOf(id)).kill();
    const unknown = { status: 'Failed', errorInfo: { code: 3 } };
    await reaches(client, id, unknown, LEASE_MS + TAKEOVER_MS);
    expect(running.receiver.callsOf(id)).toHaveLength(1);
  }, 120_000);

  it('is what the product says when it is asked, after a worker was killed between the call and its answer', async () => {
    const client = await start(
      (url) => ({ Askable: { timeoutMs: 60_000, probeUrl: `${url}/probe` } }),
      { workers: 2 },
    );
    const id = await client.created(
      running.action('Askable', { answers: 'hang', probe: 'Completed' }),
    );
    await arrives(id);
    await (await holderOf(id)).kill();
    await reaches(client, id, { status: 'Completed' });
    expect(running.receiver.callsOf(id).map(({ question }) => question)).toEqual(['act', 'probe']);
  }, 120_000);

  it('is that of the new owner when a worker stood still beyond its lease, whatever it says when it goes on', async () => {
    const client = await start(
      () => ({ Repeatable: { timeoutMs: 60_000, capabilities: { idempotent: true } } }),
      { workers: 2 },
    );
    // The first call ends badly, while its worker stands still; the second is answered.
    const id = await client.created(
      running.action('Repeatable', { answers: '422,204', delayMs: '1500' }),
    );
    await arrives(id);
    const holder = await holderOf(id);
    holder.pause();
    try {
      await reaches(client, id, { status: 'Completed' });
    } finally {
      holder.resume();
    }
    await vi.waitFor(() => expect(holder.log()).toContain('outcome came after the end'), {
      timeout: 30_000,
      interval: 100,
    });
    expect((await client.get(id)).body.status).toBe('Completed');
    expect(await history(client, id)).toEqual([
      ['created', null],
      ['started', 1],
      ['completed', 2],
    ]);
  }, 120_000);

  it('is cancelled only for actions that never reached the product, in 2,000 cancels at random moments', async () => {
    // Fewer places than lanes: some are called as soon as they are stored, others wait, claimed or not.
    const client = await start(() => ({ Strict: { timeoutMs: 10_000, concurrencyMax: 12 } }));
    const numbers = Array.from({ length: 2000 }, (_, number) => number);
    const answers = await inParallel(numbers, 24, async (number) => {
      const parameters = { answers: '204', delayMs: String((number * 7) % 60) };
      const id = await client.created(running.action('Strict', parameters));
      // Others are created and run meanwhile, so this comes at any moment of its life.
      for (let look = number % 4; look > 0; look -= 1) await client.get(id);
      const { status, headers } = await client.cancel(id);
      return { id, status, outcome: headers.get('cancel-outcome') };
    });
    await vi.waitFor(
      async () => {
        const { Completed = 0, Failed = 0 } = await running.system.statuses();
        expect(Completed + Failed).toBe(numbers.length);
      },
      { timeout: 120_000, interval: 250 },
    );
    const ends = await running.ends();
    const wrong = answers.filter(({ id, status, outcome }) => {
      const { code, status: end } = ends.get(id)!;
      const arrivals = running.receiver.callsOf(id).length;
      if (status === 200) return outcome !== 'prevented' || code !== 1 || arrivals !== 0;
      return status !== 409 || end !== 'Completed' || arrivals !== 1;
    });
    expect(wrong).toEqual([]);
    const prevented = answers.filter(({ status }) => status === 200).length;
    expect(prevented).toBeGreaterThan(0);
    expect(prevented).toBeLessThan(numbers.length);
  }, 240_000);

  it('is not called unknown because Postgres was away for two leases: 100 calls under way are all Completed', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'security-actions-truth-'));
    const postgres = await startPostgres({ directory: `${directory}/postgres` });
    own = { postgres, directory };
    const client = await start(() => ({ Strict: { timeoutMs: 120_000, concurrencyMax: 100 } }), {
      workers: 2,
      databaseUrl: postgres.url('postgres'),
    });
    const action = running.action('Strict', { answers: '204', delayMs: String(LEASE_MS) });
    const ids = await inParallel(Array.from({ length: 100 }), 20, () => client.created(action));
    // Under way: the last of them has arrived, the first has not been answered for long.
    await vi.waitFor(() => expect(running.receiver.calls.length).toBeGreaterThan(90), 30_000);
    await postgres.stop();
    await outage(2 * LEASE_MS);
    await postgres.restart();
    await vi.waitFor(
      async () => expect(await running.system.statuses()).toEqual({ Completed: ids.length }),
      { timeout: 60_000, interval: 250 },
    );
    expect(running.receiver.calls).toHaveLength(ids.length);
  }, 180_000);

  it('waits for a provider that no worker knows any more, and goes on when one does again', async () => {
    const client = await start(() => ({ Gone: {}, Kept: {} }));
    const parameters = { target: 'host-1', answers: '503/2,204' };
    const first = await client.created(running.action('Gone', parameters));
    const second = await client.created(
      running.action('Gone', { target: 'host-1', answers: '204' }),
    );
    await arrives(first);
    const worker = running.system.workers[0]!;
    running.offerOnly((provider) => provider === 'Kept');
    await worker.restart();
    await reaches(client, first, { status: 'Running', waitingFor: 'provider' });
    expect((await client.get(second)).body['waitingFor']).toBe(`target:${first}`);
    const kept = await client.created(running.action('Kept', { answers: '204' }));
    await reaches(client, kept, { status: 'Completed' });

    running.offerOnly(() => true);
    await worker.restart();
    await reaches(client, first, { status: 'Completed' });
    await reaches(client, second, { status: 'Completed' });
    expect(running.receiver.callsOf(second)).toHaveLength(1);
  }, 120_000);

  it('is reached once by every action while workers come and go under load', async () => {
    const client = await start(() => ({ Strict: { timeoutMs: 20_000, concurrencyMax: 40 } }));
    const { system, receiver } = running;
    const ids: string[] = [];
    let isLoaded = true;
    const load = inParallel(Array.from({ length: 8 }), 8, async () => {
      while (isLoaded) {
        const parameters = { answers: '204', delayMs: '20' };
        ids.push(await client.created(running.action('Strict', parameters)));
      }
    });
    const more = async (count: number) => {
      const enough = ids.length + count;
      await vi.waitFor(() => expect(ids.length).toBeGreaterThan(enough), 60_000);
    };
    await more(150);
    await Promise.all([system.startWorker(), system.startWorker(), system.startWorker()]);
    await more(300);
    const [stays, ...others] = system.workers;
    await Promise.all(others.map((worker) => worker.stop()));
    expect(stays!.pid).toBeGreaterThan(0);
    await more(150);
    isLoaded = false;
    await load;
    await vi.waitFor(
      async () => expect(await system.statuses()).toEqual({ Completed: ids.length }),
      { timeout: 90_000, interval: 250 },
    );
    expect(receiver.calls).toHaveLength(ids.length);
    expect(new Set(receiver.calls.map(({ action }) => action.id)).size).toBe(ids.length);
  }, 240_000);
});
