import { setTimeout as sleep } from 'node:timers/promises';
import type { DeadLetter, OpenedDeadLetter } from '#domain/dead-letter';
import { ExpectedError } from '../expected-error.ts';

const PATH = '/v1.0/security/securityActionDeadLetters';
const TIMEOUT_MS = 30_000;
/** The largest page there is unless PAGE_SIZE_MAX is smaller or larger. */
const PAGE_SIZE = 1000;
/** What is busy or restarts is given some time; what is away is for a person to see. */
const RETRIES_MAX = 5;
const RETRY_AFTER_SECONDS_MAX = 60;

/** What a status below 500 says of the request, and not of the letter: the next one would hear the same, or not yet. */
const NOT_THE_LETTER = [401, 408, 425, 429];

/** The API will not do it to this letter, whatever becomes of the others. */
export class LetterRefused extends ExpectedError {
  /** Status and code. */
  override readonly cause: string;

  constructor(cause: string, message: string) {
    super(message);
    this.cause = cause;
  }
}

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

  /** All letters, newest first, a page at a time. What is put aside meanwhile is left out. */
  async *pages(filter: string, pageSize?: number): AsyncGenerator<DeadLetter[]> {
    const query = new URLSearchParams({
      ...(filter && { $filter: filter }),
      $top: String(pageSize ?? PAGE_SIZE),
    });
    let address: string | undefined = `${this.#url}${PATH}?${query.toString()}`;
    while (address !== undefined) {
      const page: Page = await this.#request<Page>('GET', address);
      yield page.value;
      address = page['@odata.nextLink'];
    }
  }

  /** At most `limit` letters, newest first, and whether there are more. */
  async list(filter: string, limit: number): Promise<{ letters: DeadLetter[]; more: boolean }> {
    const letters: DeadLetter[] = [];
    // One more than asked for tells whether there are more.
    for await (const page of this.pages(filter, limit + 1)) {
      letters.push(...page);
      if (letters.length > limit) break;
    }
    return { letters: letters.slice(0, limit), more: letters.length > limit };
  }

  show(id: string): Promise<OpenedDeadLetter> {
    return this.#request('GET', this.#address(id));
  }

  /** @throws LetterRefused that says why not; ExpectedError when it is not known to be done */
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
        throw failureOf(response.status, text);
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

function failureOf(status: number, text: string): ExpectedError {
  const [cause, message] = said(status, text);
  const isRefusal = status >= 400 && status < 500 && !NOT_THE_LETTER.includes(status);
  return isRefusal ? new LetterRefused(cause, message) : new ExpectedError(message);
}

function said(status: number, text: string): [cause: string, message: string] {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return [`${status} ${error.code}`, `${status} ${error.code}: ${error.message}`];
  } catch {
    return [String(status), `${status} ${text.slice(0, 200)}`];
  }
}
