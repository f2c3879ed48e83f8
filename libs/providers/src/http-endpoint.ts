import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import { sharedLookUp } from './shared-look-up.ts';

/** How an HTTP call ended, told apart by what went over the socket. */
export type Exchange =
  /** Not one byte of the request was handed to a connected socket. */
  | { kind: 'notSent'; reason: string }
  /** The request went out, and no status came back. */
  | { kind: 'unanswered'; reason: string }
  /** There is a status; `cutShort` says why the body behind it did not arrive whole. */
  | {
      kind: 'answered';
      status: number;
      retryAfter: string | undefined;
      body: string;
      cutShort?: string;
    };

export interface EndpointLimits {
  connectionsMax: number;
  connectTimeoutMs: number;
  keepAliveMs: number;
  answerBytesMax: number;
  /** PEM, in place of the public authorities. */
  authorities?: string;
}

/** One for all endpoints of the process. */
const lookup = sharedLookUp();

/**
 * One address that is POSTed to, over connections of its own. Follows no redirect, repeats nothing, and has no deadline
 * but the caller's signal.
 */
export class HttpEndpoint {
  readonly #pool: Pool;
  readonly #path: string;

  constructor(address: string, limits: EndpointLimits) {
    const { origin, pathname, search } = new URL(address);
    this.#path = `${pathname}${search}`;
    this.#pool = new Pool(origin, {
      connections: limits.connectionsMax,
      // One request at a time on a connection: what is behind another one could be sent, or lost, with it.
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: limits.keepAliveMs,
      maxResponseSize: limits.answerBytesMax,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        timeout: limits.connectTimeoutMs,
        lookup,
        ...(limits.authorities !== undefined && { ca: limits.authorities }),
      },
    });
  }

  /**
   * Never rejects. After the signal it returns at once, and what was not sent by then never is. `mayBegin` is asked when
   * there is a connection, right before the first byte; if it says no, nothing is sent.
   */
  post(
    headers: Record<string, string>,
    body: string,
    permit: { signal: AbortSignal; mayBegin: () => boolean },
  ): Promise<Exchange> {
    return new Promise((resolve) => {
      const handler = new ExchangeHandler(permit, resolve);
      if (permit.signal.aborted) return;
      this.#pool.dispatch({ method: 'POST', path: this.#path, headers, body }, handler);
    });
  }

  /** Ends what is under way; every call is answered. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** Writes down how far one request came. undici calls it. */
class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #resolve: (exchange: Exchange) => void;
  readonly #signal: AbortSignal;
  readonly #mayBegin: () => boolean;
  readonly #onAbort = () => this.#end(wordsOf(this.#signal.reason));
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #answer: { status: number; retryAfter: string | undefined } | undefined;
  #hasEnded = false;

  constructor(
    { signal, mayBegin }: { signal: AbortSignal; mayBegin: () => boolean },
    resolve: (exchange: Exchange) => void,
  ) {
    this.#signal = signal;
    this.#mayBegin = mayBegin;
    this.#resolve = resolve;
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /**
   * Called when a connected socket is about to be written to, TLS and all; whoever aborts here keeps the request from
   * going out. A second time would be a repeat, which is not undici's to decide.
   */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    const isRepeat = this.#controller !== undefined;
    if (!isRepeat && !this.#mayBegin()) this.#end('no longer its turn');
    if (this.#hasEnded || isRepeat) controller.abort(new Error('no longer wanted'));
    else this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (status < 200) return; // Early hints and the like: the answer is still to come.
    this.#answer = { status, retryAfter: headers['retry-after'] };
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#end(codeOf(error));
  }

  #end(fault?: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#resolve(this.#exchange(fault));
    if (fault !== undefined) this.#controller?.abort(new Error(fault));
  }

  #exchange(fault: string | undefined): Exchange {
    if (this.#answer) {
      const body = Buffer.concat(this.#chunks).toString('utf8');
      return { kind: 'answered', ...this.#answer, body, ...(fault && { cutShort: fault }) };
    }
    const reason = fault ?? 'no status';
    return this.#controller ? { kind: 'unanswered', reason } : { kind: 'notSent', reason };
  }
}

function wordsOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : 'aborted';
}

/** The kind of the error alone: its words name hosts and addresses, which are not for those who read an action. */
function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
