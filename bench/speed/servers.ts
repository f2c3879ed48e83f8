import { readFileSync } from 'node:fs';
import pg from 'pg';
import type { Services } from '../../dev/stack.ts';
import type { Servers } from './limits/limit.ts';
import { canLookIntoProcesses } from './process-tree.ts';

/** What is measured of Kafka and Postgres, and why not if not. */
export interface MeasuredServers {
  servers: Servers;
  /** One sentence for the reader of the figures. */
  remark: string;
}

/** CPU counts only if it is known of all: what runs elsewhere, or in a container, cannot be looked into. */
export function serversOf({ kafka, postgres }: Services): MeasuredServers {
  const without = (why: string) => ({ servers: undefined, remark: `No CPU and memory: ${why}.` });
  if (!canLookIntoProcesses) return without('this system has no /proc');
  if (!kafka || !postgres) return without('Kafka or Postgres was not started here');
  if (!readFileSync(`/proc/${kafka.pid}/comm`, 'utf8').startsWith('java')) {
    return without('Kafka runs in a container');
  }
  const servers = { kafka: kafka.pid, postgres: postgres.pid };
  return { servers, remark: 'CPU and memory from /proc.' };
}

/** The settings of Postgres that a promise of durability rests on, as they are in this run. */
export async function durability({ databaseUrl }: Services): Promise<string> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string; setting: string }>(
      `SELECT "name", "setting" FROM "pg_settings"
        WHERE "name" IN ('fsync', 'full_page_writes', 'synchronous_commit') ORDER BY "name"`,
    );
    return `Postgres: ${rows.map(({ name, setting }) => `${name} ${setting}`).join(', ')}; Kafka: acks all.`;
  } finally {
    await client.end();
  }
}
