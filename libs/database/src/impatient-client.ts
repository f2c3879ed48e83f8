import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import pg from 'pg';
import { momentOf } from './moment.ts';
import { preparedName } from './prepared.ts';
import { BEGIN, isSentWithNext } from './sent-with-next.ts';

/** A statement with its values; it is prepared if it was marked as such (`prepared`). */
export interface Statement {
  text: string;
  values: unknown[];
}

/** How to connect. */
export interface ConnectionConfig extends pg.ClientConfig {
  /** Asked for each connection; goes before the password of the address, unless it is undefined. */
  currentPassword?: (() => string | undefined) | undefined;
}

/** What Postgres answers to a statement. */
export type Answer = Pick<pg.QueryResult<pg.QueryResultRow>, 'rows' | 'rowCount'>;

/**
 * A connection that waits for no answer without need: not for one that tells nothing (`sentWithNext`), and not for one that
 * comes too late. Then the connection is ended together with the query: else that would go on, and whoever got the connection
 * next work inside a transaction that somebody else had begun.
 */
export class ImpatientClient extends pg.Client {
  readonly #timeoutMs: number | undefined;
  /** What is sent with the next statement, before it. */
  #ahead: Statement[] = [];
  #isOfStandby = false;

  constructor(config?: string | ConnectionConfig) {
    super(config);
    // Not among the settings of pg: there the address goes before.
    const password = typeof config === 'object' ? config.currentPassword?.() : undefined;
    if (password !== undefined) this.password = password;
    const { connectionParameters } = this.#internals;
    this.#timeoutMs = Number(connectionParameters.query_timeout) || undefined;
    // See `#ask`.
    connectionParameters.query_timeout = undefined;
    // Sent at once, whether or not what was sent before has been answered; Postgres takes them in their order.
    this.#internals.pipeline = true;
    this.setTypeParser(pg.types.builtins.TIMESTAMPTZ, momentOf);
    // The pool and TypeORM each listen while they hold it. When it breaks as one hands it to the other, nobody does, and
    // that would end the process; the next query says it just as well.
    this.on('error', () => undefined);
    this.#internals.connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
      if (parameterName === 'in_hot_standby') this.#isOfStandby = parameterValue === 'on';
    });
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- pg overloads it: callback, as the pool has it, or promise
  override connect(...[callback]: any[]): any {
    if (!callback) return promisify(this.connect.bind(this))();
    super.connect((error?: Error | null) => callback(error ?? this.#leaveStandby(), this));
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- pg overloads it: callback, promise or stream
  override query(...args: any[]): any {
    const [text, values = []] = args as [unknown, unknown[]?];
    if (isSentWithNext(text)) {
      this.#ahead.push({ text, values });
      return Promise.resolve(NO_ANSWER);
    }
    if (typeof text === 'string' && typeof args.at(-1) !== 'function') {
      if (this.#ahead.length === 0) return this.#ask({ text, values }, this.#timeoutMs);
      return this.queryTogether([{ text, values }]).then(([answer]) => answer);
    }
    // It may have a time-out of its own, which nothing here would keep.
    if (this.#ahead.length > 0)
      return Promise.reject(new Error('Only a text may follow what is sent with the next.'));
    return this.#askAsPgDoes(args);
  }

  /**
   * Sends statements in one piece; Postgres runs them one after the other.
   * @returns their answers, when the last one is there
   * @throws what the first says that failed; outside a transaction those behind it have run all the same
   */
  async queryTogether(statements: Statement[]): Promise<Answer[]> {
    const ahead = this.#takeAhead();
    const all = [...ahead, ...statements];
    let place = 0;
    const answers = await Promise.allSettled(
      this.#inOnePiece(() =>
        all.map((statement) => {
          if (statement.text !== BEGIN) place += 1;
          return this.#queryAt(Math.max(place, 1), statement);
        }),
      ),
    );
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (failed) throw failed.reason;
    return answers
      .slice(ahead.length)
      .map((answer) => (answer as PromiseFulfilledResult<Answer>).value);
  }

  /**
   * Each waits for those before it, and each of them may take its time, but for a BEGIN, which waits for nothing; a server that is
   * silent is noticed by the first.
   * @param place among those that take time, from 1
   */
  #queryAt(place: number, statement: Statement): Promise<Answer> {
    return this.#ask(statement, this.#timeoutMs && this.#timeoutMs * place);
  }

  /**
   * With a function and a timer of our own: pg makes its functions where it assigns them to the query, and such ones V8 puts
   * straight among its old objects, with the statement and all its rows (light-context.ts).
   */
  #ask({ text, values }: Statement, timeoutMs: number | undefined): Promise<Answer> {
    const name = preparedName(text);
    const query = { text, values, ...(name !== undefined && { name }) };
    const answered = new Promise<Answer>((resolve, reject) => {
      super.query(query, (error: Error | null, answer: Answer) => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve(answer);
      });
      const late = () => {
        reject(new Error('Query read timeout'));
        this.giveUp();
      };
      const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
    });
    return answered.catch((error: Error & { code?: unknown }) => {
      if (error.code === READ_ONLY) this.giveUp();
      // As pg does: the stack shows who has asked, and not the socket that has answered.
      Error.captureStackTrace(error);
      throw error;
    });
  }

  /** For what is more than a text and its values. */
  // oxlint-disable-next-line typescript/no-explicit-any -- see `query`
  #askAsPgDoes(args: any[]): any {
    const { connectionParameters } = this.#internals;
    connectionParameters.query_timeout = this.#timeoutMs;
    try {
      return super.query(...(args as [string]));
    } finally {
      connectionParameters.query_timeout = undefined;
    }
  }

  #takeAhead(): Statement[] {
    const ahead = this.#ahead;
    this.#ahead = [];
    return ahead;
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

  /** Ends what is being waited for, and the connection with it: for what nobody wants to know any more. */
  giveUp(): void {
    this.#internals._queryable = false; // From now on, not when the socket says so: a pool would hand it out until then.
    this.#stream.destroy();
  }

  /**
   * It answers as of some time ago and takes no writes. One gets there by an address that leads to another server after a
   * failover, or to each in turn, and a pool would keep the connection for good.
   */
  #leaveStandby(): Error | undefined {
    if (!this.#isOfStandby) return undefined;
    this.giveUp();
    const message = 'This Postgres is a standby and takes no writes';
    return Object.assign(new Error(message), { code: READ_ONLY });
  }

  get #stream(): Socket {
    return this.#internals.connection.stream;
  }

  get #internals(): Internals {
    return this as unknown as Internals;
  }
}

/** A setting of the session that Postgres tells of by itself, before it takes queries and whenever it changes. */
interface ParameterStatus {
  parameterName: string;
  parameterValue: string;
}

/** What pg has and does not declare. */
interface Internals {
  _queryable: boolean;
  pipeline: boolean;
  connectionParameters: { query_timeout?: number | false | undefined };
  connection: EventEmitter<{ parameterStatus: [ParameterStatus] }> & { stream: Socket };
}

const READ_ONLY = '25006';
const NO_ANSWER = { rows: [], rowCount: null };
