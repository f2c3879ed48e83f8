import { type EntityManager, type QueryRunner, QueryRunnerAlreadyReleasedError } from 'typeorm';
import type { Answer, ImpatientClient, Statement } from './impatient-client.ts';

const BEGIN: Statement = { text: 'START TRANSACTION', values: [] };
const COMMIT: Statement = { text: 'COMMIT', values: [] };

/**
 * Runs statements of which none needs the answer to another one, and sends them in one piece: all of them, and the beginning
 * and the end of their transaction, cost one round trip. Each has its own snapshot, as if it had been sent by itself. In the
 * transaction of the manager if it has one, else in one of their own.
 * @returns their answers, in their order
 * @throws what the first says that fails; nothing is changed then, unless the connection broke: then all or nothing is
 */
export async function inOnePiece(
  manager: EntityManager,
  statements: Statement[],
): Promise<Answer[]> {
  const { queryRunner } = manager;
  if (queryRunner) return (await clientOf(queryRunner)).queryTogether(statements);
  const ownRunner = manager.dataSource.createQueryRunner();
  try {
    const client = await clientOf(ownRunner);
    return (await client.queryTogether([BEGIN, ...statements, COMMIT])).slice(1, -1);
  } finally {
    await ownRunner.release();
  }
}

/** The connection that TypeORM has from the pool of `dataSourceOptions`. */
async function clientOf(runner: QueryRunner): Promise<ImpatientClient> {
  // It would give out what it had: a connection that broke meanwhile.
  if (runner.isReleased) throw new QueryRunnerAlreadyReleasedError();
  return (await runner.connect()) as ImpatientClient;
}
