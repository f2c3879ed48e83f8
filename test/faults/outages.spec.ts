import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it, vi } from 'vitest';
import { type KafkaProcess, startKafka } from '../../dev/kafka/broker.ts';
import { type PostgresProcess, startPostgres } from '../../dev/postgres/server.ts';
import { type Client, simulate } from '../support/client.ts';
import { inParallel } from '../support/in-parallel.ts';
import { System } from '../support/system.ts';

/** A broker and a server of this file's own: others must not feel what it does to them. */
describe('outages are local', () => {
  const directory = mkdtempSync(join(tmpdir(), 'security-actions-outages-'));
  let kafka: KafkaProcess;
  let postgres: PostgresProcess;
  let system: System;
  let client: Client;

  beforeAll(async () => {
    [kafka, postgres] = await Promise.all([
      startKafka({ directory: `${directory}/kafka` }),
      startPostgres({ directory: `${directory}/postgres` }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([kafka?.stop(), postgres?.stop()]);
    rmSync(directory, { recursive: true, force: true });
  });
  beforeEach(async () => {
    system = await System.start({
      kafkaBrokers: kafka.brokers.join(','),
      databaseUrl: postgres.url('postgres'),
    });
    client = await system.client();
  });
  afterEach(() => system?.stop());

  const completed = async (count: number) =>
    vi.waitFor(async () => expect(await system.statuses()).toEqual({ Completed: count }), {
      timeout: 90_000,
      interval: 250,
    });

  const endsCompleted = async (id: string) =>
    vi.waitFor(async () => expect((await client.get(id)).body.status).toBe('Completed'), {
      timeout: 60_000,
      interval: 100,
    });

  it.each(['stopped', 'hung'] as const)(
    'accepts creates while Postgres is %s, and runs them when it is back',
    async (how) => {
      await client.get(await client.created(simulate()));
      if (how === 'stopped') await postgres.stop();
      else postgres.pause();
      const answers = await inParallel(Array.from({ length: 1000 }), 20, () =>
        client.create(simulate()),
      );
      expect(answers.filter(({ status }) => status !== 201)).toEqual([]);
      const began = performance.now();
      const read = await client.get(answers[0]!.body.id);
      expect([read.status, read.headers.has('retry-after')]).toEqual([503, true]);
      expect(performance.now() - began).toBeLessThan(5000);
      if (how === 'stopped') await postgres.restart();
      else postgres.resume();
      await completed(1001);
    },
    150_000,
  );

  it.each(['stopped', 'hung'] as const)(
    'accepts creates with an idempotency key while Postgres is %s, at once, and makes one action of each key',
    async (how) => {
      const keyed = (body: object, key: string) => client.create(body, { 'Idempotency-Key': key });
      const stored = await keyed(simulate(), 'stored');
      await endsCompleted(stored.body.id);
      if (how === 'stopped') await postgres.stop();
      else postgres.pause();
      const began = performance.now();
      for (const key of ['stored', 'new', 'new']) {
        const answer = await keyed(simulate(), key);
        expect([answer.status, answer.body.status]).toEqual([201, 'NotStarted']);
        expect(answer.headers.has('idempotency-replayed')).toBe(false);
      }
      // Three look-ups of 200 ms each; a machine that is busy has its share.
      expect(performance.now() - began).toBeLessThan(2000);
      // What this process has accepted it knows without Postgres.
      const other = await keyed({ ...simulate(), actionReason: 'another body' }, 'new');
      expect(other.status).toBe(409);
      if (how === 'stopped') await postgres.restart();
      else postgres.resume();
      await completed(2);
      await vi.waitFor(
        async () => {
          const again = await keyed(simulate(), 'new');
          expect(again.headers.get('idempotency-replayed')).toBe('true');
        },
        { timeout: 30_000, interval: 200 },
      );
      expect(await system.statuses()).toEqual({ Completed: 2 });
    },
    150_000,
  );

  it.each(['stopped', 'hung'] as const)(
    'refuses creates at once while Kafka is %s, and goes on with everything else',
    async (how) => {
      const slow = simulate({ target: 'busy', delayMs: '2500' });
      const running = await client.created(slow);
      const next = await client.created(slow);
      const cancelled = await client.created(slow);
      await client.get(cancelled);
      if (how === 'stopped') await kafka.stop();
      else kafka.pause();

      const began = performance.now();
      const refused = await client.create(simulate());
      expect([refused.status, refused.headers.has('retry-after')]).toEqual([503, true]);
      expect(performance.now() - began).toBeLessThan(5000);

      expect((await client.get(running)).status).toBe(200);
      expect((await client.list()).body.value).toHaveLength(3);
      expect((await client.cancel(cancelled)).status).toBe(200);
      await endsCompleted(running);
      await endsCompleted(next);

      if (how === 'stopped') await kafka.restart();
      else kafka.resume();
      const again = await vi.waitFor(async () => client.created(simulate()), {
        timeout: 60_000,
        interval: 200,
      });
      await endsCompleted(again);
    },
    150_000,
  );
});
