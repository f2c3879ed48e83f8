import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '#config/settings';
import type { Caller } from '#domain/caller';
import { parseIdempotencyKey, saysResend } from '#domain/idempotency';
import { RequireRole } from '../auth/access.ts';
import { CurrentCaller } from '../auth/caller.ts';
import { graphPaths } from '../http/graph-paths.ts';
import { followsReturnMinimal, pageSizes } from '../http/prefer.ts';
import { Context, type RequestContext } from '../http/request-context.ts';
import {
  nextLink,
  parseCountRequest,
  parseGetRequest,
  parseListRequest,
} from '../odata/list-request.ts';
import type { Query as ODataQuery } from '../odata/query-options.ts';
import { selectFrom, selectionContext } from '../odata/select.ts';
import { CreatesService } from './creates.service.ts';
import { isKnown } from './etag.ts';
import { Presenter, SECURITY_ACTIONS, addressOf, metadataOf } from './presenter.ts';
import { SecurityActionsService } from './security-actions.service.ts';

/** Graph's routes: paths, headers and annotations. What they do is the service's. */
@Controller(graphPaths(SECURITY_ACTIONS))
export class SecurityActionsController {
  readonly #creates: CreatesService;
  readonly #service: SecurityActionsService;
  readonly #presenter: Presenter;
  readonly #settings: Settings;

  constructor(
    creates: CreatesService,
    service: SecurityActionsService,
    presenter: Presenter,
    settings: Settings,
  ) {
    this.#creates = creates;
    this.#service = service;
    this.#presenter = presenter;
    this.#settings = settings;
  }

  @Post()
  @RequireRole('write')
  async create(
    @CurrentCaller() caller: Caller,
    @Context() context: RequestContext,
    @Body() body: unknown,
    @Headers() headers: Record<string, string | undefined>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { action, replayed } = await this.#creates.create(caller, body, {
      clientRequestId: context.clientRequestId,
      idempotencyKey: parseIdempotencyKey(headers['idempotency-key'], 'Idempotency-Key'),
      isResend: saysResend(headers['retry-attempt']),
    });
    if (replayed) reply.header('Idempotency-Replayed', 'true');
    const location = `${addressOf(context)}/${action.id}`;
    reply.header('Location', location);
    if (followsReturnMinimal(request, reply)) {
      reply.header('OData-EntityId', location);
      return undefined;
    }
    return { '@odata.context': `${metadataOf(context)}/$entity`, ...action };
  }

  @Get()
  @RequireRole('read')
  async list(
    @CurrentCaller() caller: Caller,
    @Context() context: RequestContext,
    @Query() query: ODataQuery,
    @Req() received: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const request = parseListRequest(query, pageSizes(received, reply, this.#settings));
    const page = await this.#service.list(caller, request);
    return {
      '@odata.context': metadataOf(context) + selectionContext(request.select),
      ...(page.count !== undefined && { '@odata.count': page.count }),
      // Left out on the last page: clients take a null for one more.
      ...(page.end !== null && {
        '@odata.nextLink': nextLink(addressOf(context), query, request, page.end),
      }),
      value: page.actions.map((action) => selectFrom(action, request.select)),
    };
  }

  @Get('$count')
  @RequireRole('read')
  async count(
    @CurrentCaller() caller: Caller,
    @Query() query: ODataQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const count = await this.#service.count(caller, parseCountRequest(query));
    reply.type('text/plain');
    return String(count);
  }

  @Get(':id')
  @RequireRole('read')
  async get(
    @CurrentCaller() caller: Caller,
    @Context() context: RequestContext,
    @Param('id') id: string,
    @Query() query: ODataQuery,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const select = parseGetRequest(query);
    const row = await this.#service.get(caller, id);
    const entity = this.#presenter.entity(row, context, reply);
    if (!isKnown(ifNoneMatch, this.#presenter.revision(row))) {
      const selected = `${metadataOf(context)}${selectionContext(select)}/$entity`;
      return selectFrom({ ...entity, '@odata.context': selected }, select);
    }
    reply.status(304);
    return undefined;
  }

  /** Answers without a body and without a content type: one of Graph's clients fails on either. */
  @Post([':id/cancelSecurityAction', ':id/microsoft.graph.cancelSecurityAction'])
  @HttpCode(200)
  @RequireRole('write')
  async cancel(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const outcome = await this.#service.cancel(caller, id);
    if (outcome !== undefined) reply.header('cancel-outcome', outcome);
  }
}
