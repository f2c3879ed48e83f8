import { setTimeout as sleep } from 'node:timers/promises';
import type { DeadLetter, OpenedDeadLetter } from '#domain/dead-letter';
import { ExpectedError } from '../expected-error.ts';

const PATH = '/v1.0/security/securityActionDeadLetters';
const TIMEOUT_MS = 30_000;
/** What is busy or restarts is given some time; what is away is for a person to see. */
const RETRIES_MAX = 5;
const RETRY_AFTER_SECONDS_MAX = 60;

interface Page {
  value: DeadLetter[];
  '@odata.nextLink'?: string;
}

/** The operator's routes of a running API. */
export class DeadLettersClient {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url.replace(/\/$/, '');
    this.#token = token;
  }

  /** At most `limit` letters, newest first, and whether there are more. */
  async list(filter: string, limit: number): Promise<{ letters: DeadLetter[]; more: boolean }> {
    const letters: DeadLetter[] = [];
    const query = new URLSearchParams({ ...(filter && { $filter: filter }), $top: String(limit) });
    let address: string | undefined = `${this.#url}${PATH}?${query.toString()}`;
    while (address !== undefined && letters.length < limit) {
      const page: Page = await this.#request<Page>('GET', address);
      letters.push(...page.value);
      address = page['@odata.nextLink'];
    }
    const more = address !== undefined || letters.length > limit;
    return { letters: letters.slice(0, limit), more };
  }

  show(id: string): Promise<OpenedDeadLetter> {
    return this.#request('GET', this.#address(id));
  }

  /** @throws ExpectedError that says why not */
  decide(id: string, verb: 'replay' | 'discard', reason: string | undefined): Promise<DeadLetter> {
    return this.#request('POST', `${this.#address(id)}/${verb}`, { reason });
  }

  #address(id: string): string {
    return `${this.#url}${PATH}/${encodeURIComponent(id)}`;
  }

  /** A replay or a discard changes nothing when it comes twice, so each request may be repeated. */
  async #request<T>(method: string, address: string, body?: object): Promise<T> {
    for (let retries = 0; ; retries += 1) {
      const { response, text } = await this.#send(method, address, body);
      if (response.ok) return JSON.parse(text) as T;
      const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
      if (Number.isNaN(retryAfter) || retries === RETRIES_MAX) {
        throw new ExpectedError(refusalOf(response.status, text));
      }
      await sleep(Math.min(retryAfter, RETRY_AFTER_SECONDS_MAX) * 1000);
    }
  }

  async #send(method: string, address: string, body?: object) {
    try {
      const response = await fetch(address, {
        method,
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return { response, text: await response.text() };
    } catch (error) {
      const { message, cause } = error as Error;
      const reason = cause instanceof Error ? cause.message : message;
      throw new ExpectedError(`${this.#url} cannot be reached: ${reason}`);
    }
  }
}

function refusalOf(status: number, text: string): string {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return `${status} ${error.code}: ${error.message}`;
  } catch {
    return `${status} ${text.slice(0, 200)}`;
  }
}
