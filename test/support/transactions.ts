import { randomUUID } from 'node:crypto';
import kafkajs, { type Producer, type Transaction } from 'kafkajs';
import { pino } from 'pino';
import { vi } from 'vitest';
import { loadSettings } from '#config/settings';
import { createKafka } from '#kafka/client';
import type { System } from './system.ts';

/** A producer of somebody else, for transactions: one at a time. To be disconnected by who asked for it. */
export async function transactionalProducer({
  kafkaBrokers,
}: Pick<System, 'kafkaBrokers'>): Promise<Producer> {
  const settings = loadSettings({ KAFKA_BROKERS: kafkaBrokers });
  const producer = createKafka(settings, pino({ level: 'silent' })).producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    transactionalId: randomUUID(),
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  return producer;
}

/** Begins one, however long the coordinator of a young broker takes to be there. */
export async function beginTransaction(producer: Producer): Promise<Transaction> {
  return await vi.waitFor(() => producer.transaction(), { timeout: 40_000, interval: 200 });
}
