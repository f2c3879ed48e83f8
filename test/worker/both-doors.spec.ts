import { randomUUID } from 'node:crypto';
import kafkajs, { type Producer } from 'kafkajs';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import { createKafka } from '#kafka/client';
import { type Client, simulate } from '../support/client.ts';
import { System } from '../support/system.ts';

const ROUNDS = 40;

describe('a create over HTTP, after Kafka has acknowledged a request on the same target', () => {
  let system: System;
  let client: Client;
  let producer: Producer;

  beforeAll(async () => {
    system = await System.start({ apis: 0, workers: 2 });
    // On a slow machine workers may be further behind than an operator would wait for.
    await system.startApi({ REQUESTS_WAIT_MS: '15000', ACCEPT_TIMEOUT_MS: '30000' });
    client = await system.client();
    const settings = loadSettings({ KAFKA_BROKERS: system.kafkaBrokers });
    producer = createKafka(settings, pino({ level: 'silent' })).producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    });
    await producer.connect();
  });
  afterAll(async () => {
    await producer?.disconnect();
    await system?.stop();
  });

  const produced = async (target: string) => {
    const value = JSON.stringify({ ...simulate({ target }), clientContext: target });
    const headers = { authorization: `Bearer ${client.token}` };
    await producer.send({
      topic: `${system.topicPrefix}.requests`,
      messages: [{ key: null, value, headers }],
    });
  };

  it('starts after it has ended', async () => {
    const pairs: { target: string; later: string }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const target = randomUUID();
      await produced(target);
      pairs.push({ target, later: await client.created(simulate({ target })) });
    }
    await vi.waitFor(
      async () => expect(await system.statuses()).toEqual({ Completed: 2 * ROUNDS }),
      60_000,
    );
    for (const { target, later } of pairs) {
      const query = `?$filter=clientContext eq '${target}'`;
      const [earlier] = (await client.list(query)).body.value;
      const { body } = await client.get(later);
      const started = body.states.find(({ status }) => status === 'Running');
      expect(started!.updatedDateTime! >= earlier!.completedDateTime!).toBe(true);
    }
  });

  it('waits REQUESTS_WAIT_MS at most for workers that are away, and is as old as its acceptance', async () => {
    await Promise.all(system.workers.map((worker) => worker.stop()));
    await produced(randomUUID());
    await system.startApi({ REQUESTS_WAIT_MS: '200' });
    const impatient = await system.client({}, 1);
    const startedMs = performance.now();
    const startedAt = Date.now();
    const { status, body } = await impatient.create(simulate());
    expect(status).toBe(201);
    expect(performance.now() - startedMs).toBeGreaterThan(200);
    // Timers are off by a millisecond at most.
    expect(Date.parse(body.createdDateTime!)).toBeGreaterThanOrEqual(startedAt + 199);
    await system.startWorker();
    await vi.waitFor(
      async () => expect(await system.statuses()).toEqual({ Completed: 2 * ROUNDS + 2 }),
      60_000,
    );
  });
});
