import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { histogram } from '#observability/metrics';
import { traceIdOf } from '#observability/trace-context';
import { outerIdOf } from './inner-request.ts';
import { PROBES } from './probes.ts';
import { clientRequestIdOf } from './request-context.ts';

/**
 * One line and one measurement a request. The route as it is written, never the URL: a query may hold what
 * must not be logged, and each distinct id would be a metric of its own.
 */
export function registerRequestLog(
  fastify: FastifyInstance,
  logger: Logger,
  registry: Registry,
): void {
  const duration = histogram(registry, 'http_request_duration_seconds');
  const methods = new Set(fastify.supportedMethods);
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const method = methods.has(request.method) ? request.method : 'other';
    const status = reply.statusCode;
    duration.observe({ method, route, status }, reply.elapsedTime / 1000);
    logger[PROBES.includes(route) ? 'debug' : 'info'](
      {
        requestId: request.id,
        traceId: request.trace && traceIdOf(request.trace),
        clientRequestId: clientRequestIdOf(request) ?? undefined,
        batchRequestId: outerIdOf(request),
        method,
        route,
        status,
        durationMs: Math.round(reply.elapsedTime * 10) / 10,
        tenantId: request.caller?.tenantId,
        errorCode: request.errorCode,
      },
      'request',
    );
    done();
  });
}
