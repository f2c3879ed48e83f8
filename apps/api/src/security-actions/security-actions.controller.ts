import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Settings } from '#config/settings';
import type { Caller } from '#domain/caller';
import { RequireRole } from '../auth/access.ts';
import { CurrentCaller } from '../auth/caller.ts';
import { graphPaths } from '../http/graph-paths.ts';
import { Context, type RequestContext } from '../http/request-context.ts';
import { type Query as ListQuery, nextLink, parsePageRequest } from './page.ts';
import { SecurityActionsService } from './security-actions.service.ts';

const PATH = 'security/securityActions';

/** Graph's routes: paths, headers and annotations. What they do is the service's. */
@Controller(graphPaths(PATH))
export class SecurityActionsController {
  readonly #service: SecurityActionsService;
  readonly #settings: Settings;

  constructor(service: SecurityActionsService, settings: Settings) {
    this.#service = service;
    this.#settings = settings;
  }

  @Post()
  @RequireRole('write')
  async create(
    @CurrentCaller() caller: Caller,
    @Context() context: RequestContext,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const action = await this.#service.create(caller, body, context.clientRequestId);
    reply.header('Location', `${addressOf(context)}/${action.id}`);
    return { '@odata.context': `${metadataOf(context)}/$entity`, ...action };
  }

  @Get()
  @RequireRole('read')
  async list(
    @CurrentCaller() caller: Caller,
    @Context() context: RequestContext,
    @Query() query: ListQuery,
  ) {
    const page = await this.#service.list(
      caller,
      parsePageRequest(query, {
        defaultSize: this.#settings.PAGE_SIZE_DEFAULT,
        maxSize: this.#settings.PAGE_SIZE_MAX,
      }),
    );
    return {
      '@odata.context': metadataOf(context),
      ...(page.count !== undefined && { '@odata.count': page.count }),
      // Left out on the last page: clients take a null for one more.
      ...(page.nextBelow !== null && {
        '@odata.nextLink': nextLink(addressOf(context), query, page.nextBelow),
      }),
      value: page.actions,
    };
  }

  @Get('$count')
  @RequireRole('read')
  async count(
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const count = await this.#service.count(caller);
    reply.type('text/plain');
    return String(count);
  }

  @Get(':id')
  @RequireRole('read')
  async get(
    @CurrentCaller() caller: Caller,
    @Context() context: RequestContext,
    @Param('id') id: string,
  ) {
    const action = await this.#service.get(caller, id);
    return { '@odata.context': `${metadataOf(context)}/$entity`, ...action };
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

function addressOf({ origin, base }: RequestContext): string {
  return `${origin}${base}/${PATH}`;
}

function metadataOf({ origin, base }: RequestContext): string {
  return `${origin}${base}/$metadata#${PATH}`;
}
