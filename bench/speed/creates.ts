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
  /** Of the server, without a path. */
  url: string;
  path: string;
  token?: string;
  body: (number: number) => object;
}

/** One client of one server. Two clients of the same never send the same numbers, and so never name the same target. */
export class Creates {
  readonly #pool: Pool;
  readonly #endpoint: Endpoint;
  readonly #headers: Record<string, string>;
  #next = 0;
  /** How many were refused, and tried again. */
  refused = 0;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.#pool = new Pool(endpoint.url, { connections: CONNECTIONS });
    this.#headers = {
      'content-type': 'application/json',
      ...(endpoint.token !== undefined && { authorization: `Bearer ${endpoint.token}` }),
    };
  }

  /** @returns the id, once accepted */
  async one(): Promise<string> {
    const body = JSON.stringify(this.#endpoint.body(this.#next++));
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.#post(body);
      if (answer.status === 201) return (JSON.parse(answer.text) as { id: string }).id;
      const mayPass = answer.status === 429 || answer.status === 503;
      if (!mayPass || attempt === RETRIES) {
        throw new Error(`create: ${answer.status} ${answer.text.slice(0, 300)}`);
      }
      this.refused += 1;
      await delay(RETRY_DELAY_MS);
    }
  }

  /** Creates so many, as fast as they are accepted. @returns how long that took, in seconds */
  async saturate(count: number): Promise<number> {
    const began = performance.now();
    await inParallel(Array.from({ length: count }), CONNECTIONS, () => this.one());
    return (performance.now() - began) / 1000;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async #post(body: string): Promise<{ status: number; text: string }> {
    const { path } = this.#endpoint;
    const headers = this.#headers;
    const answer = await this.#pool.request({ method: 'POST', path, headers, body });
    return { status: answer.statusCode, text: await answer.body.text() };
  }
}
