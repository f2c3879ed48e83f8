import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { Response } from 'light-my-request';
import { z } from 'zod';
import { ApiError } from '#domain/errors';
import { deriveId } from '#domain/ids';
import type { InnerRequest } from '../http/inner-request.ts';
import { clientRequestIdOf, type RequestContext } from '../http/request-context.ts';
import { serverOptions } from '../http/server-options.ts';
import type { BatchItem } from './batch-request.ts';

/** What Graph says of one request of a batch. */
export const itemAnswerSchema = z.object({
  id: z.string(),
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  /** Left out when the answer is empty: the JavaScript client fails on a 204 with a body. */
  body: z.unknown().describe('JSON, or text when the answer is no JSON.').optional(),
});

export type ItemAnswer = z.infer<typeof itemAnswerSchema>;

const BASED = /^\/(?:beta|v1\.0)(?=[/?#]|$)/;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;
/**
 * One batch, one caller: its token is the one that counts, whatever a request says. The others are a connection's,
 * and a request of a batch has none.
 */
const IGNORED_HEADERS =
  /^(?:authorization|host|origin|connection|keep-alive|content-length|content-encoding|transfer-encoding|te|trailer|upgrade|expect|forwarded|(?:x-forwarded|proxy|sec|access-control)-.*)$/;
const CONNECTION_HEADERS =
  /^(?:connection|keep-alive|content-length|transfer-encoding|date|vary|strict-transport-security|access-control-.*)$/;
/** The JavaScript client looks for `Content-Type` in this very spelling. */
const SPELLINGS: Record<string, string> = {
  allow: 'Allow',
  'cache-control': 'Cache-Control',
  'content-type': 'Content-Type',
  etag: 'ETag',
  location: 'Location',
  'odata-version': 'OData-Version',
  'preference-applied': 'Preference-Applied',
  'retry-after': 'Retry-After',
  'www-authenticate': 'WWW-Authenticate',
};

/** @throws ApiError for a request that cannot be sent at all */
export function innerRequest(
  item: BatchItem,
  outer: FastifyRequest,
  context: RequestContext,
): InnerRequest {
  const headers = headersOf(item, outer);
  const body = bodyOf(item.body);
  // Within JSON a JSON body needs no name; one client sends base64 text without any header.
  if (body !== undefined) headers['content-type'] ??= 'application/json';
  const target = targetOf(item.url, context);
  const size = Object.entries(headers).flat().join('').length + target.length;
  if (size > serverOptions.maxHeaderSize) throw new ApiError('requestHeaderFieldsTooLarge');
  return { method: item.method, target, headers, body };
}

export function itemAnswer(id: string, response: Response): ItemAnswer {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (!CONNECTION_HEADERS.test(name)) headers[SPELLINGS[name] ?? name] = String(value);
  }
  const answer = { id, status: response.statusCode, headers };
  const isJson = headers['Content-Type']?.startsWith('application/json');
  if (response.payload === '') return answer;
  // Text stays text: a client gets `$count` as the same "3" that it gets outside of a batch.
  return { ...answer, body: isJson ? JSON.parse(response.payload) : response.payload };
}

/** Relative to the batch, with or without a slash, with or without a base of its own; or an address of ours. */
function targetOf(url: string, { origin, base }: RequestContext): string {
  const absolute = /^(https?:\/\/[^/?#]*)(.*)$/is.exec(url);
  if (absolute) {
    if (absolute[1]!.toLowerCase() === origin.toLowerCase()) return withSlash(absolute[2]!);
    throw new ApiError('invalidRequest', `The url is not one of ${origin}.`, { target: 'url' });
  }
  const path = withSlash(url);
  return BASED.test(path) ? path : base + path;
}

function withSlash(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

function headersOf(item: BatchItem, outer: FastifyRequest): Record<string, string> {
  const headers: Record<string, string> = {};
  const retryAttempt = outer.headers['retry-attempt'];
  if (typeof retryAttempt === 'string') headers['retry-attempt'] = retryAttempt;
  const clientRequestId = clientRequestIdOf(outer);
  // Not the same for all: equal creates of one batch would look like one that was sent twice.
  if (clientRequestId !== null) headers['client-request-id'] = deriveId(clientRequestId, item.id);
  for (const [name, value] of Object.entries(item.headers)) {
    if (IGNORED_HEADERS.test(name)) continue;
    checkHeader(name, value);
    headers[name] = value;
  }
  return headers;
}

function checkHeader(name: string, value: string): void {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch {
    throw new ApiError('invalidRequest', `The header ${JSON.stringify(name)} is not valid HTTP.`, {
      target: 'headers',
    });
  }
}

/** JSON as it is; text is base64 as Graph has it, or else JSON that was made text already. */
function bodyOf(body: unknown): InnerRequest['body'] {
  if (body === undefined || body === null || body === '') return undefined;
  if (typeof body !== 'string') return JSON.stringify(body);
  return BASE64.test(body) ? Buffer.from(body, 'base64') : body;
}
