import type { Producer, Transaction } from 'kafkajs';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSettings } from '#config/settings';
import { createKafka } from '#kafka/client';
import { RequestsProgress } from '#kafka/requests-progress';
import { type Client, simulate } from '../support/client.ts';
import { System } from '../support/system.ts';
import { beginTransaction, transactionalProducer } from '../support/transactions.ts';
import { produce } from '../support/produce.ts';

const PATIENTLY = { timeout: 40_000, interval: 50 };
/** Together more than is fetched at once. */
const ABORTED = { requests: 200, bytes: 20_000 };

describe('requests in transactions', () => {
  let system: System;
  let client: Client;
  let producer: Producer;
  let progress: RequestsProgress;
  /** Of `requests`, which has one partition: messages, and a mark at the end of each transaction. */
  let records = 0;

  beforeAll(async () => {
    system = await System.start();
    client = await system.client();
    producer = await transactionalProducer(system);
    const settings = loadSettings({
      KAFKA_BROKERS: system.kafkaBrokers,
      KAFKA_TOPIC_PREFIX: system.topicPrefix,
    });
    progress = new RequestsProgress(settings, createKafka(settings, pino({ level: 'silent' })));
  });
  afterAll(async () => {
    await progress?.onApplicationShutdown();
    await producer?.disconnect();
    await system?.stop();
  });

  const request = (name: string, more: object = {}) => ({
    value: JSON.stringify({ ...simulate({ target: name }), clientContext: name, ...more }),
    headers: { authorization: `Bearer ${client.token}` },
  });
  const send = async (transaction: Transaction, ...messages: ReturnType<typeof request>[]) => {
    await transaction.send({ topic: `${system.topicPrefix}.requests`, messages });
    records += messages.length;
  };
  const aborted = async () => {
    const transaction = await beginTransaction(producer);
    const actionReason = 'x'.repeat(ABORTED.bytes);
    for (let sent = 0; sent < ABORTED.requests; sent += 20) {
      const part = Array.from({ length: 20 }, () => request('aborted', { actionReason }));
      await send(transaction, ...part);
    }
    await transaction.abort();
    records++;
  };
  /** Until the marks of all transactions are in the topic: a moment after they have ended. */
  const ended = async () => {
    const end = BigInt(records);
    await expect.poll(async () => (await progress.endOffsets()).get(0), PATIENTLY).toBe(end);
  };
  const completed = async () => {
    const rows = await system.query<{ clientContext: string }>(
      `SELECT "clientContext" FROM "security_action" WHERE "status" = 'Completed'`,
    );
    return rows.map(({ clientContext }) => clientContext).toSorted();
  };
  const create = async (name: string) => {
    await client.created({ ...simulate({ target: name }), clientContext: name });
  };
  const all = ['http-1', 'http-2', 'http-3', 'in-1', 'in-2', 'in-3', 'in-4', 'plain'];

  it('become actions once when they are committed and never when they are aborted, and hold up no create', async () => {
    await aborted();
    await ended();
    await create('http-1');
    const committed = await beginTransaction(producer);
    await send(committed, request('in-1'), request('in-2'));
    await send(committed, request('in-3'));
    await committed.commit();
    records++;
    const first = ['http-1', 'in-1', 'in-2', 'in-3'];
    await expect.poll(completed, PATIENTLY).toEqual(first);

    const open = await beginTransaction(producer);
    await send(open, request('in-4'));
    await produce(system, 'requests', [request('plain')]);
    records++;
    await create('http-2');
    await expect.poll(completed, PATIENTLY).toEqual([...first, 'http-2'].toSorted());
    await open.commit();
    records++;

    await aborted();
    await ended();
    await create('http-3');
    await expect.poll(completed, PATIENTLY).toEqual(all);
    expect([...(await progress.messagesBehind()).values()]).toEqual([0]);
    expect(await system.statuses()).toEqual({ Completed: all.length });
    expect(system.apis[0]!.log()).not.toContain('overtake');
    expect(system.workers[0]!.log()).not.toContain('was made anew');
  });
});
