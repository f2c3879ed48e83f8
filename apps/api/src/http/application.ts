import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import type { DynamicModule } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyListenOptions, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { Settings } from '#config/settings';
import { NestLogger } from '#observability/logger';
import { registerDocs } from '../openapi/docs.controller.ts';
import { registerBodyParser } from './body-parser.ts';
import { registerBodyRoom } from './body-room.ts';
import { registerCors } from './cors.ts';
import { Drain } from './drain.ts';
import { ErrorFilter } from './error-filter.ts';
import { registerGraphHeaders, setGraphHeaders } from './graph-headers.ts';
import { rewriteUrl } from './graph-paths.ts';
import { KnownPaths } from './known-paths.ts';
import { registerRateLimit } from './rate-limit.ts';
import { registerRequestLog } from './request-log.ts';
import { registerRequestTrace } from './request-trace.ts';
import {
  KEEP_ALIVE_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
  serverOptions,
  tuneServer,
} from './server-options.ts';
import { createTlsServer } from './tls-server.ts';

/** An id is bounded by the request line alone: a long one is simply not found. */
const PATH_PARAMETER_LENGTH_MAX = serverOptions.maxHeaderSize;
/**
 * Connections that have come and are not accepted yet, of this process and each port. What the system drops beyond tries again after a second or
 * more, or is reset with the request that it had sent: more than an attack brings at once. The system has a bound of its own
 * (Linux: net.core.somaxconn, 4096).
 */
const CONNECTION_BACKLOG_MAX = 4096;
/** Left of SHUTDOWN_GRACE_MS for what follows the last answer: the publisher's flush, the pool. */
const AFTER_HTTP_SHARE = 1 / 3;

/**
 * The HTTP side of the API around a module: headers, bodies, errors, log lines, TLS and a clean end, the
 * same for every route. Call `listen` to serve; `inject` works without.
 */
export async function createHttpApplication(
  module: DynamicModule,
  settings: Settings,
  logger: Logger,
): Promise<NestFastifyApplication> {
  const errors = new ErrorFilter(settings);
  const adapter = createAdapter(settings, errors);
  const fastify = adapter.getInstance();
  registerRequestTrace(fastify);
  registerGraphHeaders(fastify);
  registerCors(fastify, settings);
  new KnownPaths().register(fastify);
  registerRateLimit(fastify, settings);
  registerBodyRoom(fastify, settings);
  registerBodyParser(fastify, settings);
  registerDocs(fastify);
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger: new NestLogger(logger),
    bodyParser: false,
    abortOnError: false,
  });
  app.useGlobalFilters(errors);
  registerRequestLog(fastify, logger, app.get(Registry, { strict: false }));
  return app;
}

/**
 * Serves HTTP, and HTTPS if it is set. Resolves when both ports take requests.
 * On close both stop listening at once, and Nest's shutdown hooks go on when the last answer is out.
 */
export async function listen(app: NestFastifyApplication, settings: Settings): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance();
  const tls = createTlsServer(settings, fastify);
  tuneServer(fastify.server, fastify);
  const drain = new Drain();
  for (const server of [fastify.server, tls]) if (server) drain.watch(server);
  fastify.addHook('preClose', () =>
    drain.finish(settings.SHUTDOWN_GRACE_MS * (1 - AFTER_HTTP_SHARE)),
  );
  await app.listen(address(settings, settings.HTTP_PORT));
  if (tls && settings.HTTPS_PORT !== undefined) {
    await listening(tls, address(settings, settings.HTTPS_PORT));
  }
}

function createAdapter(settings: Settings, errors: ErrorFilter): FastifyAdapter {
  return new FastifyAdapter({
    http: serverOptions,
    bodyLimit: settings.BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    return503OnClosing: false,
    trustProxy: settings.TRUST_PROXY,
    genReqId: () => randomUUID(),
    rewriteUrl,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: PATH_PARAMETER_LENGTH_MAX },
    // No hook runs for these.
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      setGraphHeaders(request, reply);
      errors.answer(error, request, reply);
    },
  });
}

/** Several processes share a port where the system can spread connections over them. */
function address(settings: Settings, port: number): FastifyListenOptions {
  const options = {
    host: settings.HTTP_HOST,
    port,
    reusePort: process.platform === 'linux',
    backlog: CONNECTION_BACKLOG_MAX,
  };
  return options;
}

function listening(server: Server, options: FastifyListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
