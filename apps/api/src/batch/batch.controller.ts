import { Body, Controller, HttpCode, Logger, Post, Req } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { Settings } from '#config/settings';
import { ApiError } from '#domain/errors';
import { RequireRole } from '../auth/access.ts';
import { Uncounted } from '../auth/rate-limit.guard.ts';
import { errorEnvelope } from '../http/error-filter.ts';
import { GRAPH_JSON } from '../http/graph-headers.ts';
import { graphPaths } from '../http/graph-paths.ts';
import { outerIdOf, sendWithin } from '../http/inner-request.ts';
import { Context, type RequestContext } from '../http/request-context.ts';
import { innerRequest, type ItemAnswer, itemAnswer } from './batch-item.ts';
import { type BatchItem, parseBatch } from './batch-request.ts';
import { runBatch } from './run-batch.ts';

const logger = new Logger('BatchController');

/** Graph's `$batch`: up to 20 requests in one, each of which goes the way of any other. */
@Controller(graphPaths('$batch'))
export class BatchController {
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Who may read may send a batch; what is in it is checked for each request. */
  @Post()
  @HttpCode(200)
  @RequireRole('read')
  // What it carries counts.
  @Uncounted()
  @RouteConfig({ bodyLimit: 'BATCH_BODY_BYTES_MAX' })
  async send(
    @Context() context: RequestContext,
    @Req() request: FastifyRequest,
    @Body() body: unknown,
  ): Promise<{ responses: ItemAnswer[] }> {
    if (outerIdOf(request) !== undefined) {
      throw new ApiError('invalidRequest', 'A $batch within a $batch is not supported.');
    }
    const responses = await runBatch(parseBatch(body), {
      send: (item) => sendItem(item, request, context),
      refuse: (item, error) => refusal(item, error, context),
      deadline: performance.now() + this.#settings.BATCH_TIMEOUT_MS,
    });
    return { responses };
  }
}

async function sendItem(item: BatchItem, request: FastifyRequest, context: RequestContext) {
  try {
    const response = await sendWithin(request, innerRequest(item, request, context));
    return { answer: itemAnswer(item.id, response), bytes: response.rawPayload.length };
  } catch (error) {
    const known = error instanceof ApiError ? error : new ApiError('generalException');
    if (known !== error) logger.error({ err: error, requestId: request.id }, 'unexpected error');
    return { answer: refusal(item, known, context), bytes: 0 };
  }
}

/** Under the ids of the batch, as the request never had any of its own. */
function refusal(item: BatchItem, error: ApiError, context: RequestContext): ItemAnswer {
  const { retryAfterSeconds } = error;
  return {
    id: item.id,
    status: error.httpStatus,
    headers: {
      'Content-Type': GRAPH_JSON,
      'request-id': context.requestId,
      'client-request-id': context.clientRequestId ?? context.requestId,
      ...(retryAfterSeconds !== undefined && { 'Retry-After': String(retryAfterSeconds) }),
    },
    body: errorEnvelope(error, context),
  };
}
