import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { withTimeout, type Health } from './health.ts';

/** Above the bound of a single check, so that the answer names the check and not this. */
const READY_TIMEOUT_MS = 2500;
const REQUEST_TIMEOUT_MS = 5000;

interface AdminServerOptions {
  port: number;
  host: string;
  /** Whether the process should go on living; false makes the orchestrator restart it. */
  live: () => Health;
  /** Whether it should be sent work. */
  ready: () => Promise<Health>;
  registry: Registry;
}

export interface AdminServer {
  /** The port it got; differs from the wanted one only if that was 0. */
  port: number;
  close(): Promise<void>;
}

interface Answer {
  status: number;
  type: string;
  body: string;
}

/**
 * Serves /healthz, /readyz and /metrics on a port of their own, for probes and Prometheus.
 * Not a part of the application: it must answer when that one is overloaded or stopping.
 */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const server = createServer((request, response) => {
    respond(options, request, response).catch(() => response.destroy());
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(
  options: AdminServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, type, body } = await answer(options, request);
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(body);
}

async function answer(options: AdminServerOptions, request: IncomingMessage): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return refusal(405, 'only GET');
  try {
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return healthAnswer(options.live());
      case '/readyz':
        return healthAnswer(await readiness(options));
      case '/metrics':
        return {
          status: 200,
          type: options.registry.contentType,
          body: await options.registry.metrics(),
        };
      default:
        return refusal(404, 'only /healthz, /readyz and /metrics are here');
    }
  } catch {
    return refusal(500, 'the check itself failed');
  }
}

async function readiness({ ready }: AdminServerOptions): Promise<Health> {
  try {
    return await withTimeout(ready, READY_TIMEOUT_MS);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { status: 'error', details: { checks: { status: 'down', message } } };
  }
}

function healthAnswer(health: Health): Answer {
  return json(health.status === 'ok' ? 200 : 503, health);
}

function refusal(status: number, message: string): Answer {
  return json(status, { status: 'error', message });
}

function json(status: number, body: unknown): Answer {
  return { status, type: 'application/json; charset=utf-8', body: JSON.stringify(body) };
}
