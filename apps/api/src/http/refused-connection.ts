import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ApiError, type ApiErrorCode } from '#domain/errors';
import { errorEnvelope } from './error-filter.ts';
import { GRAPH_JSON, graphHeaders } from './graph-headers.ts';

/** Time for the client to read the answer: closing at once on unread bytes would reset the connection. */
const LINGER_MS = 1000;

const CODES: Record<string, ApiErrorCode> = {
  HPE_HEADER_OVERFLOW: 'requestHeaderFieldsTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'requestTimeout',
};

/** Answers what is not HTTP, by hand, as no request object exists yet. For `clientError` of a server. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || isBusy(socket)) {
    socket.destroy();
    return;
  }
  const refusal = new ApiError(
    CODES[error.code ?? ''] ?? 'invalidRequest',
    error.code !== undefined && error.code in CODES ? undefined : 'The request is not valid HTTP.',
  );
  socket.end(rawAnswer(refusal, socket instanceof TLSSocket));
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/**
 * Whether an earlier, complete request of the connection still waits for its answer. Ours would be taken for
 * that one: a create would look refused though it goes on.
 */
function isBusy(socket: Socket & { _httpMessage?: ServerResponse | null }): boolean {
  const answering = socket._httpMessage;
  return answering != null && (answering.headersSent || answering.req.complete);
}

function rawAnswer(error: ApiError, secure: boolean): string {
  const ids = { requestId: randomUUID(), clientRequestId: null };
  const body = JSON.stringify(errorEnvelope(error, ids));
  const headers = {
    ...graphHeaders({ ...ids, secure }),
    'content-type': GRAPH_JSON,
    'content-length': String(Buffer.byteLength(body)),
    date: new Date().toUTCString(),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const status = `HTTP/1.1 ${error.httpStatus} ${STATUS_CODES[error.httpStatus]}`;
  return `${[status, ...lines].join('\r\n')}\r\n\r\n${body}`;
}
