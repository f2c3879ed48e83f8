import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiError, type ApiErrorCode } from '#domain/errors';
import type { Caller } from '#domain/caller';
import { clientRequestIdIn } from '#domain/client-request-id';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard once the token is verified. */
    caller?: Caller;
    /** Set by the error filter, for the request's log line. */
    errorCode?: ApiErrorCode;
  }
}

/** What of the request, beside its body and query, an answer repeats. */
export interface RequestContext {
  /** Ours, a UUID: in every answer and every log line of the request. */
  requestId: string;
  /** The client's own, if it sent one that can be repeated. */
  clientRequestId: string | null;
  /** The base path the client used; links in the answer repeat it. */
  base: '' | '/beta' | '/v1.0';
  /** Scheme, host and port as the client sees them: `https://host:port`. */
  origin: string;
}

/** The `RequestContext` of the request, as a parameter of a controller method. */
export const Context = createParamDecorator(
  (_: unknown, execution: ExecutionContext): RequestContext =>
    contextOf(execution.switchToHttp().getRequest<FastifyRequest>()),
);

const HOST = /^(?:[a-z0-9](?:[a-z0-9._-]{0,252})|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;
const BASE = /^\/(?:beta|v1\.0)(?=\/|\?|$)/;

function contextOf(request: FastifyRequest): RequestContext {
  return {
    requestId: request.id,
    clientRequestId: clientRequestIdOf(request),
    base: baseOf(request.url),
    origin: originOf(request),
  };
}

export function clientRequestIdOf(request: FastifyRequest): string | null {
  const sent = request.headers['client-request-id'];
  return clientRequestIdIn(typeof sent === 'string' ? sent : undefined);
}

function baseOf(url: string): RequestContext['base'] {
  const match = BASE.exec(url);
  return match === null ? '' : (match[0] as '/beta' | '/v1.0');
}

/**
 * Links are built from it, so a host that is none is refused rather than repeated. The forwarded
 * headers count only with TRUST_PROXY: Fastify reads them in `protocol` and `host` then.
 * @throws ApiError invalidRequest
 */
export function originOf(request: FastifyRequest): string {
  const { protocol } = request;
  const host = request.host + forwardedPort(request);
  if (!HOST.test(host)) {
    throw new ApiError('invalidRequest', 'The Host header is missing or is not a host.');
  }
  if (protocol !== 'http' && protocol !== 'https') {
    throw new ApiError('invalidRequest', 'The X-Forwarded-Proto header must be http or https.');
  }
  return `${protocol}://${host}`;
}

/** Many a proxy gives host and port apart, and the usual port of the protocol is left out of links. */
function forwardedPort(request: FastifyRequest): string {
  const port = request.headers['x-forwarded-port'];
  // `host` differs from what was sent only if a trusted proxy has said so.
  if (port === undefined || request.host === request.headers.host) return '';
  const usual = request.protocol === 'https' ? '443' : '80';
  return port === usual || request.port !== null ? '' : `:${String(port)}`;
}
