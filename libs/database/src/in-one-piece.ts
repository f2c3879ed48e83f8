import { type DataSource, type EntityManager, QueryRunnerAlreadyReleasedError } from 'typeorm';
import type { Answer, ImpatientClient, Statement } from './impatient-client.ts';
import { BEGIN } from './sent-with-next.ts';
import { retryingConflicts } from './transaction.ts';

/**
 * Runs statements of which none needs the answer to another one in the transaction of the manager, and sends them in one piece:
 * all of them cost one round trip. Each has its own snapshot, as if it had been sent by itself.
 * @returns their answers, in their order
 * @throws what the first says that fails; Error outside a transaction, where those behind it would run all the same
 */
export async function inOnePiece(
  { queryRunner }: EntityManager,
  statements: Statement[],
): Promise<Answer[]> {
  if (!queryRunner?.isTransactionActive)
    throw new Error('Statements in one piece need a transaction.');
  // It would give out what it had: a connection that broke meanwhile.
  if (queryRunner.isReleased) throw new QueryRunnerAlreadyReleasedError();
  // What TypeORM has from the pool of `dataSourceOptions`.
  const client = (await queryRunner.connect()) as ImpatientClient;
  return client.queryTogether(statements);
}

/**
 * The same in a transaction of their own, which is sent along with its beginning and its end: one round trip for all of it. What
 * Postgres refuses has it roll back where the end says commit. A conflict is retried as `inTransaction` does.
 *
 * Who gives up on a server that is silent does not know: it may have it all, and commit it later. Nor does who waits for the
 * answer to a COMMIT in vain; here that is so from the first statement on. Values that pg cannot send at all would be left
 * out, and the others committed: texts, numbers and lists of them it can.
 * @returns their answers, in their order, once they are committed
 */
export async function transactionInOnePiece(
  dataSource: DataSource,
  statements: Statement[],
): Promise<Answer[]> {
  return retryingConflicts(async () => {
    const queryRunner = dataSource.createQueryRunner();
    try {
      const client = (await queryRunner.connect()) as ImpatientClient;
      const answers = await client.queryTogether([START, ...statements, END]);
      return answers.slice(1, -1);
    } finally {
      await queryRunner.release();
    }
  });
}

const START = { text: BEGIN, values: [] };
const END = { text: 'COMMIT', values: [] };
