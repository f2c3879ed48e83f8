import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { Histogram, type Registry } from 'prom-client';
import { outerIdOf } from './inner-request.ts';
import { clientRequestIdOf } from './request-context.ts';

/** Probes ask every few seconds; their lines would bury the others. */
const PROBES = ['/healthz', '/readyz', '/metrics'];

/**
 * One line and one measurement a request. The route as it is written, never the URL: a query may hold what
 * must not be logged, and each distinct id would be a metric of its own.
 */
export function registerRequestLog(
  fastify: FastifyInstance,
  logger: Logger,
  registry: Registry,
): void {
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the request line to the end of the answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  const methods = new Set(fastify.supportedMethods);
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const method = methods.has(request.method) ? request.method : 'other';
    const status = reply.statusCode;
    duration.observe({ method, route, status }, reply.elapsedTime / 1000);
    logger[PROBES.includes(route) ? 'debug' : 'info'](
      {
        requestId: request.id,
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
