import type { SecurityAction } from '#domain/security-action';

/** A create body for one of the shipped simulators. */
export function simulate(
  parameters: Record<string, string> = {},
  provider: 'Simulator' | 'Strict Simulator' = 'Simulator',
) {
  return {
    name: 'Simulate',
    parameters: Object.entries(parameters).map(([name, value]) => ({ name, value })),
    vendorInformation: { vendor: 'SecurityActions', provider },
  };
}

/** Microsoft's published sample request. */
export const PUBLISHED_SAMPLE = {
  name: 'BlockIp',
  actionReason: 'Test',
  parameters: [{ name: 'IP', value: '1.2.3.4' }],
  vendorInformation: { provider: 'Windows Defender ATP', vendor: 'Microsoft' },
};

/** What one request got. `body` is the parsed JSON, or undefined for an empty answer. */
export interface Answer<T> {
  status: number;
  headers: Headers;
  body: T;
}

export interface ErrorBody {
  error: {
    code: string;
    message: string;
    target?: string;
    details?: { code: string; message: string; target?: string }[];
    innerError: { date: string; 'request-id': string; 'client-request-id': string };
  };
}

export interface PageBody {
  value: SecurityAction[];
  '@odata.nextLink'?: string;
  '@odata.count'?: number;
}

const PATH = 'beta/security/securityActions';

/** A client of one API process, as one caller. */
export class Client {
  readonly url: string;
  readonly token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.token = token;
  }

  /** Any request; a body that is no string or Buffer is sent as JSON. */
  async request<T = ErrorBody>(
    method: string,
    path: string,
    { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answer<T>> {
    const raw = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(new URL(path, this.url), {
      method,
      headers: {
        ...(this.token && { authorization: `Bearer ${this.token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: raw ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    }).catch((error: Error) => {
      // The cause says what went wrong, and a summary of failed tests shows no causes.
      const { message, cause } = error;
      throw new Error(`${method} ${path}: ${message} (${String(cause)})`, { cause: error });
    });
    const text = await response.text();
    // An answer to HEAD is called JSON and has no body.
    const isJson =
      text !== '' && response.headers.get('content-type')?.startsWith('application/json');
    return {
      status: response.status,
      headers: response.headers,
      body: (isJson ? JSON.parse(text) : text || undefined) as T,
    };
  }

  create(body: unknown, headers?: Record<string, string>): Promise<Answer<SecurityAction>> {
    return this.request('POST', PATH, { body, ...(headers && { headers }) });
  }

  /** Creates and returns the id. @throws when the answer is not 201 */
  async created(body: unknown): Promise<string> {
    const answer = await this.create(body);
    if (answer.status !== 201) {
      throw new Error(`create: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body.id;
  }

  get(id: string): Promise<Answer<SecurityAction>> {
    return this.request('GET', `${PATH}/${id}`);
  }

  list(query = ''): Promise<Answer<PageBody>> {
    return this.page(`${PATH}${query}`);
  }

  /** The page at an address, as a nextLink gives it. */
  page(address: string): Promise<Answer<PageBody>> {
    return this.request('GET', address);
  }

  cancel(id: string): Promise<Answer<ErrorBody | undefined>> {
    return this.request('POST', `${PATH}/${id}/cancelSecurityAction`);
  }
}
