import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startServices } from '../../dev/stack.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    kafkaBrokers: string;
    databaseUrl: string;
  }
}

/** Kafka and Postgres once per run, shared by every file; each file makes its own database and topics in them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), 'security-actions-services-'));
  const services = await startServices({
    directory,
    log: (line) => console.log(line),
    postgresSettings: { max_connections: '300' },
  });
  project.provide('kafkaBrokers', services.kafkaBrokers.join(','));
  project.provide('databaseUrl', services.databaseUrl);
  return async () => {
    await services.stop();
    rmSync(directory, { recursive: true, force: true });
  };
}
