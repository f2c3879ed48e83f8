import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyRequest } from 'fastify';
import inject, { type Response } from 'light-my-request';
import { originOf } from './request-context.ts';

/** Set on the raw request, where nothing that a client sends can get. */
const OUTER_ID = Symbol('the id of the request that this one came in');

type RawRequest = IncomingMessage & { [OUTER_ID]?: string };

/** A request that came within another one. */
export interface InnerRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** Path and query. */
  target: string;
  headers: Record<string, string>;
  body: string | Buffer | undefined;
}

/**
 * Sends a request through everything that one from outside meets (hooks, parser, guards, routes, errors, log), but
 * for the socket. It is to the same host, over the same protocol, with the same token as the outer one.
 */
export function sendWithin(outer: FastifyRequest, inner: InnerRequest): Promise<Response> {
  const { authorization, 'user-agent': userAgent } = outer.headers;
  const isSecure = outer.protocol === 'https';
  const dispatch = (request: RawRequest, response: ServerResponse) => {
    request[OUTER_ID] = outer.id;
    Object.assign(request.socket, { encrypted: isSecure });
    outer.server.routing(request, response);
  };
  return inject(dispatch as unknown as Parameters<typeof inject>[0], {
    method: inner.method,
    url: inner.target,
    headers: {
      ...(userAgent !== undefined && { 'user-agent': userAgent }),
      ...inner.headers,
      ...(authorization !== undefined && { authorization }),
      host: new URL(originOf(outer)).host,
    },
    ...(inner.body !== undefined && { payload: inner.body }),
  });
}

/** The id of the request that this one came in; undefined for one from outside. */
export function outerIdOf(request: FastifyRequest): string | undefined {
  return (request.raw as RawRequest)[OUTER_ID];
}
