import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { loadSettings } from '#config/settings';
import { createKafka } from '#kafka/client';
import { LOGICAL_TOPICS, topicName } from '#kafka/topics';
import type { Services } from '../../dev/stack.ts';
import { System } from '../../test/support/system.ts';

/** Processes of each measurement. Two workers, because what is asked is about all of them together. */
export const APIS = 1;
export const WORKERS = 2;

/** What the only action of every provider here takes. */
const ACTIONS = [
  {
    name: 'Act',
    target: 'target',
    parameters: [
      { name: 'target', type: 'string' },
      { name: 'delayMs', type: 'integer' },
    ],
  },
];

/**
 * Runs the product with these providers, in a database and with topics of its own, for as long as `work` takes.
 * @param providers what their entries say beside vendor, name and actions, by name
 */
export async function withSystem<T>(
  services: Services,
  { providers, env = {} }: { providers: Record<string, object>; env?: Record<string, string> },
  work: (system: System) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'security-actions-bench-'));
  const file = join(directory, 'providers.yaml');
  const entries = Object.entries(providers).map(([provider, more]) => ({
    vendor: 'Bench',
    provider,
    actions: ACTIONS,
    ...more,
  }));
  writeFileSync(file, stringify({ providers: entries }));
  const kafkaBrokers = services.kafkaBrokers.join(',');
  const { databaseUrl } = services;
  try {
    const system = await System.start({
      kafkaBrokers,
      databaseUrl,
      apis: APIS,
      workers: WORKERS,
      // Nobody counts effects here, and writing them down is work that a real provider is not.
      env: { PROVIDERS_FILE: file, SIMULATOR_EFFECTS_FILE: '', ...env },
    });
    try {
      return await work(system);
    } finally {
      await system.stop();
      await remove(system, databaseUrl);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A create body. */
export function act(provider: string, parameters: { target?: string; delayMs?: number }) {
  return {
    name: 'Act',
    parameters: Object.entries(parameters).map(([name, value]) => ({ name, value: String(value) })),
    vendorInformation: { vendor: 'Bench', provider },
  };
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
