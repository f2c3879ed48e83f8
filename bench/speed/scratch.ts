import { randomBytes } from 'node:crypto';
import type { Kafka } from 'kafkajs';
import pg from 'pg';
import { pino } from 'pino';
import { loadSettings, type Settings } from '#config/settings';
import { createKafka } from '#kafka/client';
import { leadersOf } from '#kafka/ensure-topics';
import { ensureDatabase } from '../../dev/postgres/server.ts';
import type { Services } from '../../dev/stack.ts';

/*
 * A database and topics for as long as they are needed. The servers may be somebody's own: they get back what was used.
 */

/** A client as the product makes them: with its guards against what is slow in kafkajs. */
export function kafkaOf(services: Services): Kafka {
  const logger = pino({ level: 'silent' });
  return createKafka(settingsOf(services), logger, { requestTimeoutMs: 30_000 });
}

/** Of every topic, whoever uses it: as many as the product has by default. */
export function partitionsOf(services: Services): number {
  return settingsOf(services).KAFKA_PARTITIONS;
}

function settingsOf({ kafkaBrokers }: Services): Settings {
  return loadSettings({ KAFKA_BROKERS: kafkaBrokers.join(',') });
}

/** @param work is given the connection string of an empty database */
export async function withDatabase<T>(
  { databaseUrl }: Services,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const name = `bench_${randomBytes(4).toString('hex')}`;
  const urlOf = (database: string) => {
    const url = new URL(databaseUrl);
    url.pathname = `/${database}`;
    return url.href;
  };
  await ensureDatabase(urlOf, name);
  try {
    return await work(urlOf(name));
  } finally {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    await client.query(`DROP DATABASE "${name}" WITH (FORCE)`);
    await client.end();
  }
}

/** @param work is given the name of an empty topic */
export async function withTopic<T>(
  services: Services,
  work: (topic: string) => Promise<T>,
): Promise<T> {
  const topic = `bench-${randomBytes(4).toString('hex')}`;
  const admin = kafkaOf(services).admin();
  await admin.connect();
  try {
    await admin.createTopics({
      topics: [{ topic, numPartitions: partitionsOf(services), replicationFactor: 1 }],
      // It fails if the broker has not heard yet of what the controller has made.
      waitForLeaders: false,
    });
    await leadersOf(admin, [topic]);
    return await work(topic);
  } finally {
    await admin.deleteTopics({ topics: [topic] });
    await admin.disconnect();
  }
}
