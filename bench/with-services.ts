import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Services, startServices } from '../dev/stack.ts';
import { build, isBuilt } from '../dev/stack/build.ts';

/**
 * Kafka and Postgres, and a build of the product, for as long as `work` takes: those that KAFKA_BROKERS and DATABASE_URL
 * name, or own ones.
 * @param work is given a directory for files that nobody needs afterwards
 * @param postgresSettings further settings of a Postgres that is started here
 */
export async function withServices<T>(
  work: (services: Services, directory: string) => Promise<T>,
  postgresSettings: Record<string, string> = {},
): Promise<T> {
  if (!isBuilt()) await build();
  const directory = mkdtempSync(join(tmpdir(), 'security-actions-bench-'));
  try {
    const services = await startServices({ directory, postgresSettings });
    try {
      return await work(services, directory);
    } finally {
      await services.stop();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
