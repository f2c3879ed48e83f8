import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Client, simulate } from '../support/client.ts';
import { inParallel } from '../support/in-parallel.ts';
import { System } from '../support/system.ts';

const LEASE_MS = 3000;

describe('crashes and stops', () => {
  let system: System;
  afterEach(() => system?.stop());

  const allEnded = async (count: number) =>
    vi.waitFor(
      async () => {
        const { Completed = 0, Failed = 0 } = await system.statuses();
        expect(Completed + Failed).toBe(count);
      },
      { timeout: 100_000, interval: 200 },
    );

  it('lets every action end after a worker was killed in the middle of 2,000, and repeats none that must not be', async () => {
    system = await System.start({ env: { LEASE_MS: String(LEASE_MS) } });
    const client = await system.client();
    const bodies = Array.from({ length: 2000 }, (_, n) =>
      simulate({ delayMs: '200' }, n % 2 === 0 ? 'Simulator' : 'Strict Simulator'),
    );
    const ids = await inParallel(bodies, 50, (body) => client.created(body));
    await vi.waitFor(
      async () => expect((await system.statuses())['Completed']).toBeGreaterThan(400),
      { timeout: 60_000, interval: 50 },
    );
    const worker = system.workers[0]!;
    await worker.kill();
    const inFlight = await system.query<{ id: string }>(
      `SELECT "actionId" AS id FROM security_action_work WHERE "sentDateTime" IS NOT NULL`,
    );
    await worker.restart();
    await allEnded(ids.length);

    const rows = await system.query<{ id: string; status: string; provider: string; code: number }>(
      `SELECT id, status, "providerKey" AS provider, ("errorInfo"->>'code')::int AS code FROM security_action`,
    );
    const repeatable = rows.filter(({ provider }) => provider === 'SecurityActions/Simulator');
    const strict = rows.filter(({ provider }) => provider === 'SecurityActions/Strict Simulator');
    expect(repeatable).toHaveLength(1000);
    expect(repeatable.every(({ status }) => status === 'Completed')).toBe(true);
    const unknown = strict.filter(({ status }) => status === 'Failed');
    expect(unknown.every(({ code }) => code === 3)).toBe(true);
    expect(unknown.map(({ id }) => id).toSorted()).toEqual(inFlight.map(({ id }) => id).toSorted());
    expect(unknown.length).toBeGreaterThan(0);
    const effects = Map.groupBy(system.effects(), ({ actionId }) => actionId);
    expect(strict.every(({ id }) => (effects.get(id)?.length ?? 0) <= 1)).toBe(true);
    expect(rows.every(({ id, status }) => status === 'Failed' || effects.has(id))).toBe(true);
  }, 180_000);

  it('ends api and worker with exit code 0 on SIGTERM under load, and loses nothing it accepted', async () => {
    system = await System.start({ workers: 1 });
    const client = await system.client();
    const accepted: string[] = [];
    const errors: number[] = [];
    const load = Array.from({ length: 20 }, () => createUntilRefused(client, accepted, errors));
    await vi.waitFor(() => expect(accepted.length).toBeGreaterThan(300), 30_000);
    const [api, worker] = [system.apis[0]!, system.workers[0]!];
    await Promise.all([api.stop(), worker.stop()]);
    await Promise.all(load);
    expect((await api.exited).code).toBe(0);
    expect((await worker.exited).code).toBe(0);
    expect(errors).toEqual([]);
    await worker.restart();
    await allEnded(accepted.length);
    expect(await system.statuses()).toEqual({ Completed: accepted.length });
  }, 120_000);

  it('runs what was accepted before any worker had ever run', async () => {
    system = await System.start({ workers: 0 });
    const client = await system.client();
    const ids = await inParallel(Array.from({ length: 500 }), 20, () => client.created(simulate()));
    const early = await client.get(ids[0]!);
    expect([early.status, early.headers.get('retry-after')]).toEqual([503, '1']);
    await system.startWorker();
    await allEnded(ids.length);
    expect(await system.statuses()).toEqual({ Completed: 500 });
  }, 120_000);
});

/** Creates one after the other until the port is closed; notes every answer that is no 201. */
async function createUntilRefused(client: Client, accepted: string[], errors: number[]) {
  for (;;) {
    try {
      const answer = await client.create(simulate({ delayMs: '100' }));
      if (answer.status === 201) accepted.push(answer.body.id);
      else errors.push(answer.status);
    } catch {
      return;
    }
  }
}
