import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { SecurityAction } from '#domain/security-action';

const PROGRAM = fileURLToPath(new URL('python/actions.py', import.meta.url));

/** What the SDK's ODataError holds. */
export interface PythonError {
  status: number;
  code: string;
  message: string;
  target: string | null;
  requestId: string;
  date: string;
  /** The response header `request-id`. */
  header: string;
}

export interface PythonPage {
  value: SecurityAction[];
  count: number | null;
  hasNext: boolean;
}

/** The name and arguments of a function of actions.py. */
interface Call {
  call: string;
  args: Record<string, unknown>;
}

type Query = Record<string, string | number | boolean | string[]>;

/** The Python SDK as one caller, in a process of its own that lasts until `stop`. */
export class PythonActions {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #errors: Buffer[] = [];

  constructor(
    python: string,
    { url, token, caFile }: { url: string; token: string; caFile: string },
  ) {
    const { PATH, HOME } = process.env;
    const env = { PATH, HOME, GRAPH_URL: url, GRAPH_TOKEN: token, SSL_CERT_FILE: caFile };
    const child = spawn(python, [PROGRAM], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    child.stderr.on('data', (chunk: Buffer) => this.#errors.push(chunk));
    // When it has ended, the answer that does not come says why.
    child.stdin.on('error', () => undefined);
    this.#answers = createInterface(child.stdout)[Symbol.asyncIterator]();
    this.#process = child;
  }

  /** Ends the process, which must have had nothing to complain of. */
  async stop(): Promise<void> {
    this.#process.stdin!.end();
    if (this.#process.exitCode === null) await once(this.#process, 'exit');
    if (this.#process.exitCode !== 0) throw new Error(this.#complaint());
  }

  create(action: object): Promise<SecurityAction> {
    return this.#value('create', { ...action });
  }

  get(id: string, query: Query = {}): Promise<SecurityAction> {
    return this.#value('get', { id, ...query });
  }

  list(query: Query = {}): Promise<PythonPage> {
    return this.#value('list_page', query);
  }

  /** Every action, as the SDK's PageIterator hands them out. */
  iterate(query: Query = {}): Promise<SecurityAction[]> {
    return this.#value('iterate', query);
  }

  /** The size of every page, following `odata_next_link`. */
  follow(query: Query = {}): Promise<number[]> {
    return this.#value('follow', query);
  }

  count(query: Query = {}): Promise<number> {
    return this.#value('count', query);
  }

  cancel(id: string): Promise<null> {
    return this.#value('cancel', { id });
  }

  /** By `microsoft.graph.cancelSecurityAction`. */
  cancelQualified(id: string): Promise<null> {
    return this.#value('cancel_qualified', { id });
  }

  patch(id: string, report: object): Promise<SecurityAction> {
    return this.#value('patch', { id, ...report });
  }

  delete(id: string, ifMatch?: string): Promise<null> {
    return this.#value('delete', { id, ...(ifMatch !== undefined && { ifMatch }) });
  }

  /** The status of each of three requests, sent as one. */
  batch(requests: {
    create: object;
    cancel: string;
    get: string;
  }): Promise<Record<string, number>> {
    return this.#value('batch', requests);
  }

  /** @throws PythonError */
  async #value<T>(call: string, args: Record<string, unknown>): Promise<T> {
    const answer = await this.#ask<{ value: T } | { error: PythonError }>({ call, args });
    if ('error' in answer) throw answer.error;
    return answer.value;
  }

  async #ask<T>(call: Call): Promise<T> {
    this.#process.stdin!.write(`${JSON.stringify(call)}\n`);
    const line = await this.#answers.next();
    if (line.done) throw new Error(this.#complaint());
    return JSON.parse(line.value) as T;
  }

  #complaint(): string {
    return `actions.py: ${Buffer.concat(this.#errors).toString('utf8')}`;
  }
}
