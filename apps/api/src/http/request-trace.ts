import {
  type Context,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  context,
  isSpanContextValid,
  propagation,
  trace,
} from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { randomBytes } from '#domain/random-bytes';
import { LIGHT_ROOT } from '#observability/light-context';
import { outerIdOf } from './inner-request.ts';
import { PROBES } from './probes.ts';
import { clientRequestIdOf } from './request-context.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The trace it belongs to: its caller's, if that sent a `traceparent`. None for probes. */
    trace?: Context;
  }
}

const tracer = trace.getTracer('security-actions');

/** A span for each request, and its trace around everything that the handler does. To be registered before other hooks. */
export function registerRequestTrace(fastify: FastifyInstance): void {
  const methods = new Set(fastify.supportedMethods);
  fastify.addHook('onRequest', (request, _reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const method = methods.has(request.method) ? request.method : 'other';
    if (!PROBES.includes(route)) request.trace = begin(request, method, route);
    done();
  });
  // Not earlier: what reads the body comes back in the context of the socket.
  fastify.addHook('preHandler', (request, _reply, done) => {
    context.with(request.trace ?? LIGHT_ROOT, done);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const span = request.trace && trace.getSpan(request.trace);
    span?.setAttribute('http.response.status_code', reply.statusCode);
    if (request.errorCode !== undefined) span?.setAttribute('error.type', request.errorCode);
    if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.end();
    done();
  });
}

function begin(request: FastifyRequest, method: string, route: string): Context {
  const outer = outerIdOf(request) === undefined ? LIGHT_ROOT : context.active();
  const parent = propagation.extract(outer, request.headers);
  const clientRequestId = clientRequestIdOf(request);
  const span = tracer.startSpan(
    `${method} ${route}`,
    {
      kind: SpanKind.SERVER,
      attributes: {
        'http.request.method': method,
        'http.route': route,
        'request-id': request.id,
        ...(clientRequestId !== null && { 'client-request-id': clientRequestId }),
      },
    },
    parent,
  );
  return isSpanContextValid(span.spanContext())
    ? trace.setSpan(parent, span)
    : trace.setSpanContext(parent, newTrace());
}

/** Where no spans are made, log lines and those we call shall have a trace id all the same. */
function newTrace() {
  return {
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    traceFlags: TraceFlags.NONE,
  };
}
