import pg from 'pg';
import { pino } from 'pino';
import { loadSettings } from '#config/settings';
import { createKafka } from '#kafka/client';
import { LOGICAL_TOPICS, topicName } from '#kafka/topics';
import type { Services } from '../dev/stack.ts';
import { System } from '../test/support/system.ts';

/** How many processes, and the settings of all of them. */
export interface OwnSystemOptions {
  apis: number;
  workers: number;
  env?: Record<string, string>;
}

/** Runs the product in a database and with topics of its own, for as long as `work` takes. */
export async function withOwnSystem<T>(
  services: Services,
  { apis, workers, env = {} }: OwnSystemOptions,
  work: (system: System) => Promise<T>,
): Promise<T> {
  const { databaseUrl } = services;
  const system = await System.start({
    kafkaBrokers: services.kafkaBrokers.join(','),
    databaseUrl,
    apis,
    workers,
    // Nobody counts effects here, and writing them down is work that a real provider is not.
    env: { SIMULATOR_EFFECTS_FILE: '', ...env },
  });
  try {
    return await work(system);
  } finally {
    await system.stop();
    await remove(system, databaseUrl);
  }
}

/** The servers may be somebody's own: they get back what was used of them. */
async function remove({ topicPrefix, kafkaBrokers }: System, databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`DROP DATABASE "${topicPrefix}" WITH (FORCE)`);
  await client.end();
  const settings = loadSettings({ KAFKA_BROKERS: kafkaBrokers });
  const admin = createKafka(settings, pino({ level: 'silent' })).admin();
  await admin.connect();
  await admin.deleteTopics({
    topics: LOGICAL_TOPICS.map((topic) => topicName(topicPrefix, topic)),
  });
  await admin.disconnect();
}
