import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { FastifyInstance } from 'fastify';
import type { Settings } from '#config/settings';
import { serverOptions, tuneServer } from './server-options.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;

/** The same routes over TLS, on a server beside the plain one; undefined when HTTPS_PORT is not set. */
export function createTlsServer(settings: Settings, fastify: FastifyInstance): Server | undefined {
  const { HTTPS_PORT, TLS_CERT_FILE, TLS_KEY_FILE } = settings;
  if (HTTPS_PORT === undefined || !TLS_CERT_FILE || !TLS_KEY_FILE) return undefined;
  const server = createServer(
    {
      ...serverOptions,
      cert: readFileSync(TLS_CERT_FILE),
      key: readFileSync(TLS_KEY_FILE),
      minVersion: 'TLSv1.2',
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      ALPNProtocols: ['http/1.1'],
    },
    (request, response) => fastify.routing(request, response),
  );
  tuneServer(server, fastify);
  return server;
}
