import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Server, createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { CertificateFiles } from '../../dev/stack/certificates.ts';

/** Of a connection, or made anew by `fetch`. */
const NOT_PASSED_ON = ['host', 'connection', 'content-length', 'transfer-encoding'];

/** A proxy before the API, over TLS, that loses answers: the request got through, and the client is told 503. */
export class LossyProxy {
  readonly #server: Server;
  readonly #target: string;
  /** Of how many of the next POSTs the answer is lost. */
  losses = 0;
  /** The header `Retry-Attempt` of each POST that came. */
  readonly attempts: (string | undefined)[] = [];

  private constructor(target: string, { certFile, keyFile }: CertificateFiles) {
    this.#target = target;
    const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    this.#server = createServer(tls, (request, response) => {
      this.#pass(request, response).catch((error: unknown) => {
        response.writeHead(502).end(String(error));
      });
    });
  }

  static async start(target: string, files: CertificateFiles): Promise<LossyProxy> {
    const proxy = new LossyProxy(target, files);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    const headers = Object.entries(request.headers)
      .filter(([name]) => !NOT_PASSED_ON.includes(name))
      .map(([name, value]): [string, string] => [name, String(value)]);
    const body = await buffer(request);
    const answer = await fetch(new URL(url, this.#target), {
      method,
      headers,
      ...(body.length > 0 && { body }),
    });
    const answered = Buffer.from(await answer.arrayBuffer());
    if (method === 'POST')
      this.attempts.push(request.headers['retry-attempt'] as string | undefined);
    if (method === 'POST' && this.losses > 0) {
      this.losses -= 1;
      response.writeHead(503, { 'retry-after': '1', 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { code: 'serviceNotAvailable', message: 'Lost.' } }));
      return;
    }
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(answered);
  }
}
