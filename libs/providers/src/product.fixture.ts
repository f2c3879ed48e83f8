import { type IncomingHttpHeaders, type ServerResponse, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import {
  type AddressInfo,
  type Server,
  type Socket,
  createServer as createTcpServer,
} from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { Certificates } from './certificates.fixture.ts';
import { providerEntry } from './provider-entry.fixture.ts';
import type { WebhookEntry } from './webhook-entry.ts';
import { WebhookProvider } from './webhook.provider.ts';

/* Products of tests, on real sockets, and the webhook provider that calls them. */

export const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

export interface Received {
  path: string;
  method: string;
  headers: IncomingHttpHeaders;
  body: string;
}

type Answer = (response: ServerResponse, request: Received) => void;

/** A server on a free port of this machine, and what came over its sockets. */
export class Product {
  readonly requests: Received[] = [];
  /** Of every connection, in order, also of those that have ended. */
  readonly sockets: Socket[] = [];
  socketsAtOnceMax = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.sockets.push(socket);
      socket.on('error', () => undefined);
      const open = this.sockets.filter(({ destroyed }) => !destroyed).length;
      this.socketsAtOnceMax = Math.max(this.socketsAtOnceMax, open);
    });
  }

  /** One that speaks HTTP, or HTTPS with certificates, and answers each request so. */
  static async http(answer: Answer, certificates?: Certificates): Promise<Product> {
    const server = certificates
      ? createTlsServer({ key: certificates.key, cert: certificates.certificate })
      : createServer();
    const product = new Product(server);
    server.on('request', (request, response: ServerResponse) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { url = '', method = '', headers } = request;
        const received = { path: url, method, headers, body: Buffer.concat(chunks).toString() };
        product.requests.push(received);
        answer(response, received);
      });
    });
    await product.#listen();
    return product;
  }

  /** One that does with the bare connection as it likes. */
  static async tcp(serve: (socket: Socket) => void): Promise<Product> {
    const product = new Product(createTcpServer(serve));
    await product.#listen();
    return product;
  }

  /** An address where nobody listens. */
  static async away(): Promise<string> {
    const product = await Product.tcp(() => undefined);
    await product.stop();
    return product.url();
  }

  url(scheme = 'http', host = '127.0.0.1'): string {
    return `${scheme}://${host}:${this.#port}/actions`;
  }

  /** Ends with all connections. */
  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #port = 0;

  async #listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }
}

/** An answer with this status, body and headers. */
export function answers(status: number, body: unknown = '', headers = {}): Answer {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return (response) => response.writeHead(status, headers).end(text);
}

export function webhookEntry(url: string, more: Partial<WebhookEntry> = {}): WebhookEntry {
  const { type: _type, ...common } = providerEntry();
  return {
    ...common,
    type: 'webhook',
    url,
    secretEnv: 'ACME_WEBHOOK_SECRET',
    connectTimeoutMs: 3000,
    keepAliveMs: 4000,
    answerBytesMax: 65_536,
    ...more,
  };
}

export function webhookTo(
  url: string,
  more: Partial<WebhookEntry> = {},
  secret = SECRET,
): WebhookProvider {
  return new WebhookProvider(webhookEntry(url, more), () => secret);
}

/** What the library of Standard Webhooks makes of a request; throws unless it is signed with `SECRET`. */
export function verified({ body, headers }: Received): unknown {
  return new Webhook(SECRET).verify(body, headers as Record<string, string>);
}
