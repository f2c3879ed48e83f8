import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '#config/settings';
import type { Caller } from '#domain/caller';
import { RequireRole } from '../auth/access.ts';
import { CurrentCaller } from '../auth/caller.ts';
import { Uncounted } from '../auth/rate-limit.guard.ts';
import { graphPaths } from '../http/graph-paths.ts';
import { pageSizes } from '../http/prefer.ts';
import { Context, type RequestContext } from '../http/request-context.ts';
import { nextPageLink } from '../odata/time-skip-token.ts';
import type { Query as ODataQuery } from '../odata/query-options.ts';
import { parseHoldListRequest } from './hold-list-request.ts';
import { HoldsService } from './holds.service.ts';

const HOLDS = 'security/securityActionHolds';

/** Ours: the emergency stop, for operators, who are not to be told to wait for the next minute. */
@Controller(graphPaths(HOLDS))
@RequireRole('operate')
@Uncounted()
export class HoldsController {
  readonly #service: HoldsService;
  readonly #settings: Settings;

  constructor(service: HoldsService, settings: Settings) {
    this.#service = service;
    this.#settings = settings;
  }

  @Post()
  async create(
    @CurrentCaller() caller: Caller,
    @Context() context: RequestContext,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const hold = await this.#service.create(caller, body);
    reply.header('Location', `${addressOf(context)}/${hold.id}`);
    return hold;
  }

  @Get()
  async list(
    @CurrentCaller() caller: Caller,
    @Context() context: RequestContext,
    @Query() query: ODataQuery,
    @Req() received: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const request = parseHoldListRequest(query, pageSizes(received, reply, this.#settings));
    const { holds, end } = await this.#service.list(caller, request);
    return {
      ...(end !== null && { '@odata.nextLink': nextPageLink(addressOf(context), query, end) }),
      value: holds,
    };
  }

  @Get(':holdId')
  get(@CurrentCaller() caller: Caller, @Param('holdId') id: string) {
    return this.#service.get(caller, id);
  }

  /** A body is not needed and not read. */
  @Post(':holdId/release')
  @HttpCode(200)
  release(@CurrentCaller() caller: Caller, @Param('holdId') id: string) {
    return this.#service.release(caller, id);
  }
}

function addressOf({ origin, base }: RequestContext): string {
  return `${origin}${base}/${HOLDS}`;
}
