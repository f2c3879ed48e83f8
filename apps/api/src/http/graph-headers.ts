import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { clientRequestIdOf, originOf } from './request-context.ts';

/** What Graph says of its JSON. */
export const GRAPH_JSON =
  'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8';

/** What Fastify says of JSON when the handler has said nothing. */
const FASTIFY_JSON = 'application/json; charset=utf-8';

/** The headers of every answer, whoever sends it; the raw answers of `refused-connection.ts` take them too. */
export function graphHeaders(ids: {
  requestId: string;
  clientRequestId: string | null;
  secure: boolean;
}): Record<string, string> {
  return {
    'request-id': ids.requestId,
    // Graph repeats its own id to a client that has sent none.
    'client-request-id': ids.clientRequestId ?? ids.requestId,
    'odata-version': '4.0',
    'cache-control': 'no-cache',
    // What a cache must compare before it shows an answer again; the CORS plugin adds `Origin`.
    vary: 'Authorization, Prefer',
    ...(ids.secure && { 'strict-transport-security': 'max-age=31536000' }),
  };
}

/** Puts the Graph headers on every answer of the instance. */
export function registerGraphHeaders(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    setGraphHeaders(request, reply);
    originOf(request);
    done();
  });
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    setContentType(reply);
    done(null, payload);
  });
}

/** For the answers that Fastify gives without running any hook (a URL that is none). */
export function setGraphHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers(
    graphHeaders({
      requestId: request.id,
      clientRequestId: clientRequestIdOf(request),
      secure: request.protocol === 'https',
    }),
  );
}

/** A handler that chose a type keeps it; an empty answer has none (the JS client parses what says JSON). */
function setContentType(reply: FastifyReply): void {
  if (reply.getHeader('content-type') === FASTIFY_JSON) reply.header('content-type', GRAPH_JSON);
}
