import {
  Catch,
  HttpException,
  Logger,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Settings } from '#config/settings';
import { isTransient } from '#database/sqlstate';
import { ApiError, type ApiErrorCode } from '#domain/errors';
import { isOutage } from '#kafka/kafka-errors';
import { MessageRefused, PublishError } from '#kafka/publish-errors';
import { issuerOf } from '#auth/token-claims';
import { GRAPH_JSON } from './graph-headers.ts';
import { clientRequestIdOf } from './request-context.ts';

const faultSchema = z.object({
  code: z.string().describe('docs/errors.md lists all of them; new ones may come.'),
  message: z.string().describe('What was wrong, and what would be right.'),
  target: z
    .string()
    .describe('Where, as a path such as `parameters[2].name`, or a query option.')
    .optional(),
});

/** Graph's error body. Clients read `innerError` in this spelling only. */
export const errorEnvelopeSchema = z.object({
  error: faultSchema.extend({
    details: z.array(faultSchema).describe('Each fault, when there are several.').optional(),
    innerError: z.object({
      date: z.string().describe('UTC, without a zone.'),
      'request-id': z.string(),
      'client-request-id': z.string(),
    }),
  }),
});

export type ErrorEnvelope = z.infer<typeof errorEnvelopeSchema>;

/** Long enough for a connection to come back, short enough that SDKs still repeat by themselves. */
const RETRY_AFTER_SECONDS = 2;

/** What the framework refuses by itself, by its status. Anything else of it is a fault of ours. */
const CODES_BY_STATUS: Record<number, ApiErrorCode> = {
  400: 'invalidRequest',
  404: 'BadRequest',
  405: 'Request_BadRequest',
  408: 'requestTimeout',
  413: 'requestEntityTooLarge',
  414: 'invalidRequest',
  415: 'unsupportedMediaType',
};

/** The one maker of error bodies, for every path on which a request can fail. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  readonly #logger = new Logger(ErrorFilter.name);

  constructor(private readonly settings: Settings) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(exception, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /** Also called for what fails before Nest sees the request, such as a URL that is none. */
  answer(exception: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const error = toApiError(exception);
    this.#log(exception, error, request);
    request.errorCode = error.code;
    // Nothing can be said any more to a client that has got the start of another answer.
    if (reply.sent || reply.raw.headersSent) return;
    const retryAfter = retryAfterOf(error);
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
    // No `claims` in it: clients would take that for a demand to sign in again, and repeat at once.
    if (error.httpStatus === 401) {
      reply.header(
        'www-authenticate',
        `Bearer realm="", authorization_uri="${issuerOf(this.settings.AUTH_ISSUER[0]!, 'common')}"`,
      );
    }
    // What a handler had set for the body it meant to send does not describe this one.
    for (const name of ['content-length', 'etag', 'location']) reply.removeHeader(name);
    reply.header('content-type', GRAPH_JSON);
    const ids = { requestId: request.id, clientRequestId: clientRequestIdOf(request) };
    reply.status(error.httpStatus).send(errorEnvelope(error, ids));
  }

  /** What is the client's fault is in the request's log line; ours is logged here, once, with its stack. */
  #log(exception: unknown, error: ApiError, request: FastifyRequest): void {
    if (exception === error) return;
    const requestId = request.id;
    if (error.code === 'generalException') {
      this.#logger.error({ err: exception, requestId }, 'unexpected error');
    } else if (error.code === 'serviceNotAvailable') {
      this.#logger.warn({ err: exception, requestId }, 'answered 503');
    }
  }
}

export function errorEnvelope(
  error: ApiError,
  ids: { requestId: string; clientRequestId: string | null },
): ErrorEnvelope {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.target !== undefined && { target: error.target }),
      ...(error.details !== undefined && { details: error.details }),
      innerError: {
        // Graph writes no zone and no fraction here.
        date: new Date().toISOString().slice(0, 19),
        'request-id': ids.requestId,
        'client-request-id': ids.clientRequestId ?? ids.requestId,
      },
    },
  };
}

/** Any error as what may be said about it: an unknown one says nothing of what happened inside. */
function toApiError(exception: unknown): ApiError {
  if (exception instanceof ApiError) return exception;
  const status = frameworkStatusOf(exception);
  const code = status === undefined ? undefined : CODES_BY_STATUS[status];
  if (code === 'invalidRequest') return new ApiError(code, messageOf(exception));
  if (code !== undefined) return new ApiError(code);
  return new ApiError(isOurOutage(exception) ? 'serviceNotAvailable' : 'generalException');
}

/** Postgres or Kafka is away, slow or full: the same request can succeed a little later. */
function isOurOutage(exception: unknown): boolean {
  if (exception instanceof PublishError) return !(exception instanceof MessageRefused);
  return isTransient(exception) || isOutage(exception);
}

function frameworkStatusOf(exception: unknown): number | undefined {
  if (exception instanceof HttpException) return exception.getStatus();
  if (exception instanceof Error && exception.name === 'FastifyError') {
    const { statusCode } = exception as { statusCode?: unknown };
    return typeof statusCode === 'number' ? statusCode : undefined;
  }
  return undefined;
}

function messageOf(exception: unknown): string | undefined {
  return exception instanceof Error ? exception.message : undefined;
}

function retryAfterOf(error: ApiError): number | undefined {
  if (error.retryAfterSeconds !== undefined) return error.retryAfterSeconds;
  return error.httpStatus === 503 ? RETRY_AFTER_SECONDS : undefined;
}
