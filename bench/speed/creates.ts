import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { inParallel } from '../../test/support/in-parallel.ts';

/** Creates under way at once at saturation, one on a connection. */
export const CONNECTIONS = 64;
/** A create that is refused for the moment is tried again so often; the machine may be busy. */
const RETRIES = 5;
const RETRY_DELAY_MS = 200;

/** Where creates go, and what they say. */
export interface Endpoint {
  /** Of the servers, without a path. They take turns. */
  urls: readonly string[];
  path: string;
  /** They take turns, too; left out: no token is sent. */
  tokens?: readonly string[];
  body: (number: number) => object;
  /** Creates under way at once at saturation, one on a connection. Default: CONNECTIONS. */
  connections?: number;
}

/** What came of one try. */
export interface Reply {
  status: number;
  text: string;
  retryAfter: string | undefined;
}

interface Request {
  pool: Pool;
  headers: Record<string, string>;
  body: string;
}

/** One client. No two of them send the same numbers, and so they never name the same target. */
export class Creates {
  static #next = 0;
  readonly #pools: Pool[];
  readonly #endpoint: Endpoint;
  readonly #headers: Record<string, string>[];
  readonly #connections: number;
  /** How many were refused, and tried again. */
  refused = 0;

  constructor(endpoint: Endpoint) {
    const { urls, tokens, connections = CONNECTIONS } = endpoint;
    this.#endpoint = endpoint;
    this.#connections = connections;
    this.#pools = urls.map(
      (url) => new Pool(url, { connections: Math.ceil(connections / urls.length) }),
    );
    const json = { 'content-type': 'application/json' };
    this.#headers = tokens?.map((token) => ({ ...json, authorization: `Bearer ${token}` })) ?? [
      json,
    ];
  }

  /** @returns the id, once accepted */
  async one(): Promise<string> {
    const request = this.#request();
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.#post(request);
      if (answer.status === 201) return (JSON.parse(answer.text) as { id: string }).id;
      const mayPass = answer.status === 429 || answer.status === 503;
      if (!mayPass || attempt === RETRIES) {
        throw new Error(`create: ${answer.status} ${answer.text.slice(0, 300)}`);
      }
      this.refused += 1;
      await delay(RETRY_DELAY_MS);
    }
  }

  /** Tries once, whatever comes of it. */
  once(): Promise<Reply> {
    return this.#post(this.#request());
  }

  /** Creates so many, as fast as they are accepted. @returns how long that took, in seconds */
  async saturate(count: number): Promise<number> {
    const began = performance.now();
    await inParallel(Array.from({ length: count }), this.#connections, () => this.one());
    return (performance.now() - began) / 1000;
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.close()));
  }

  #request(): Request {
    const number = Creates.#next++;
    return {
      pool: this.#pools[number % this.#pools.length]!,
      headers: this.#headers[number % this.#headers.length]!,
      body: JSON.stringify(this.#endpoint.body(number)),
    };
  }

  async #post({ pool, headers, body }: Request): Promise<Reply> {
    const { path } = this.#endpoint;
    const answer = await pool.request({ method: 'POST', path, headers, body });
    const retryAfter = answer.headers['retry-after'];
    return {
      status: answer.statusCode,
      text: await answer.body.text(),
      retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
    };
  }
}
