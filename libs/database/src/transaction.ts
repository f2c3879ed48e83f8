import pRetry from 'p-retry';
import type { DataSource, EntityManager } from 'typeorm';
import { SERIALIZATION_FAILURE } from './sqlstate.ts';

const CONFLICTS = [SERIALIZATION_FAILURE, '40P01'];
const CONFLICT_RETRIES_MAX = 3;

/**
 * Runs `work` in one transaction, READ COMMITTED as each connection's are by default (`dataSourceOptions`). A deadlock or
 * serialization conflict is the database asking for another try, so it gets a few; every other failure is the caller's.
 */
export async function inTransaction<T>(
  dataSource: DataSource,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> {
  return retryingConflicts(() => dataSource.transaction(work));
}

/** Runs a transaction again that Postgres has broken off for the sake of another. */
export async function retryingConflicts<T>(transaction: () => Promise<T>): Promise<T> {
  return pRetry(transaction, {
    retries: CONFLICT_RETRIES_MAX,
    minTimeout: 10,
    maxTimeout: 100,
    randomize: true,
    shouldRetry: ({ error }) => CONFLICTS.includes((error as { code?: string }).code ?? ''),
  });
}
