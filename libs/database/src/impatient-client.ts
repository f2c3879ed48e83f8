import type { Socket } from 'node:net';
import pg from 'pg';
import { preparedName } from './prepared.ts';
import { isSentWithNext } from './sent-with-next.ts';

/**
 * A connection that waits for no answer without need: not for one that tells nothing (`sentWithNext`), and not for one that
 * comes too late. Then pg ends the connection together with the query, as it does for pipelines alone: else the query would
 * go on, and whoever got the connection next work inside a transaction that somebody else had begun.
 */
export class ImpatientClient extends pg.Client {
  /** What is sent with the next statement, before it. */
  #ahead: string[] = [];

  constructor(config?: string | pg.ClientConfig) {
    super(config);
    // Sent at once, whether or not what was sent before has been answered; Postgres takes them in their order.
    Object.assign(this, { pipeline: true });
    // The pool and TypeORM each listen while they hold it. When it breaks as one hands it to the other, nobody does, and
    // that would end the process; the next query says it just as well.
    this.on('error', () => undefined);
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- pg overloads it: callback, promise or stream
  override query(...args: any[]): any {
    const [text] = args as unknown[];
    if (isSentWithNext(text)) {
      this.#ahead.push(text);
      return Promise.resolve(NO_ANSWER);
    }
    return this.#ahead.length > 0 ? this.#queryWithAhead(args) : this.#query(args);
  }

  async #queryWithAhead(args: unknown[]): Promise<unknown> {
    const ahead = this.#ahead;
    this.#ahead = [];
    const answers = this.#inOnePiece(() => [
      ...ahead.map((text) => this.#query([text])),
      this.#query(args),
    ]);
    return (await Promise.all(answers)).at(-1);
  }

  /** What is sent by itself is a system call each time. */
  #inOnePiece<T>(send: () => T): T {
    this.#stream.cork();
    try {
      return send();
    } finally {
      this.#stream.uncork();
    }
  }

  #query(args: unknown[]): unknown {
    return super.query(...(named(args) as [string]));
  }

  /** Ends what is being waited for, and the connection with it: for what nobody wants to know any more. */
  giveUp(): void {
    this.#stream.destroy();
  }

  get #stream(): Socket {
    return (this as unknown as { connection: { stream: Socket } }).connection.stream;
  }
}

const NO_ANSWER = { rows: [], rowCount: null };

/** The arguments of a query, with the name of its statement if it is one to be prepared. */
function named([text, values, ...rest]: unknown[]): unknown[] {
  const name = typeof text === 'string' ? preparedName(text) : undefined;
  return name === undefined ? [text, values, ...rest] : [{ name, text, values }, ...rest];
}
