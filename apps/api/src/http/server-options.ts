import type { Server } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { refuseConnection } from './refused-connection.ts';

/** From the first byte to the last of a request; a client that is slower holds a connection for nothing. */
export const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** Above the idle time-out of usual load balancers (60 s), so that they and not we close idle connections. */
export const KEEP_ALIVE_TIMEOUT_MS = 72_000;

/** What both servers, plain and TLS, are made with. */
export const serverOptions = {
  // Tokens with many roles or groups come near to 8 KiB.
  maxHeaderSize: 16 * 1024,
  // A missing Host is refused by us: node's own answer has no body.
  requireHostHeader: false,
  headersTimeout: HEADERS_TIMEOUT_MS,
  // How often node looks for requests that are too late.
  connectionsCheckingInterval: 2000,
};

/** What can only be set on a server that exists. */
export function tuneServer(server: Server, fastify: FastifyInstance): void {
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  server.removeAllListeners('clientError').on('clientError', refuseConnection);
  // An `Expect` we do not know is ignored, as RFC 9110 allows; node would answer 417 without a body.
  server.on('checkExpectation', (request, response) => fastify.routing(request, response));
}
