import pg from 'pg';
import { preparedName } from './prepared.ts';

/**
 * A connection that is given up together with the query it did not answer in time. pg only stops waiting: the query
 * goes on, and whoever got the connection next would work inside a transaction that somebody else had begun.
 */
export class ImpatientClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    // The pool and TypeORM each listen while they hold it. When it breaks as one hands it to the other, nobody does, and
    // that would end the process; the next query says it just as well.
    this.on('error', () => undefined);
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- pg overloads it: callback, promise or stream
  override query(...args: any[]): any {
    const answer: unknown = super.query(...(named(args) as [string]));
    if (answer instanceof Promise) answer.catch((error: unknown) => this.#giveUpAfter(error));
    return answer;
  }

  #giveUpAfter(error: unknown): void {
    if (error instanceof Error && error.message === 'Query read timeout') this.giveUp();
  }

  /** Ends what is being waited for, and the connection with it: for what nobody wants to know any more. */
  giveUp(): void {
    const { stream } = (this as unknown as { connection: { stream: { destroy(): void } } })
      .connection;
    stream.destroy();
  }
}

/** The arguments of a query, with the name of its statement if it is one to be prepared. */
function named([text, values, ...rest]: unknown[]): unknown[] {
  const name = typeof text === 'string' ? preparedName(text) : undefined;
  return name === undefined ? [text, values, ...rest] : [{ name, text, values }, ...rest];
}
