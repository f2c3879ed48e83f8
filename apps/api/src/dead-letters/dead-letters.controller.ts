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
import { parseDeadLetterListRequest } from './dead-letter-list-request.ts';
import { DeadLettersService } from './dead-letters.service.ts';

const DEAD_LETTERS = 'security/securityActionDeadLetters';

/** Ours: what could not be used, for operators, who may have a thousand of them to send again. */
@Controller(graphPaths(DEAD_LETTERS))
@RequireRole('operate')
@Uncounted()
export class DeadLettersController {
  readonly #service: DeadLettersService;
  readonly #settings: Settings;

  constructor(service: DeadLettersService, settings: Settings) {
    this.#service = service;
    this.#settings = settings;
  }

  @Get()
  async list(
    @CurrentCaller() caller: Caller,
    @Context() { origin, base }: RequestContext,
    @Query() query: ODataQuery,
    @Req() received: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const request = parseDeadLetterListRequest(query, pageSizes(received, reply, this.#settings));
    const { letters, end } = await this.#service.list(caller, request);
    const address = `${origin}${base}/${DEAD_LETTERS}`;
    return {
      ...(end !== null && { '@odata.nextLink': nextPageLink(address, query, end) }),
      value: letters,
    };
  }

  @Get(':deadLetterId')
  get(@CurrentCaller() caller: Caller, @Param('deadLetterId') id: string) {
    return this.#service.get(caller, id);
  }

  @Post(':deadLetterId/replay')
  @HttpCode(200)
  replay(
    @CurrentCaller() caller: Caller,
    @Param('deadLetterId') id: string,
    @Body() body: unknown,
  ) {
    return this.#service.replay(caller, id, body);
  }

  @Post(':deadLetterId/discard')
  @HttpCode(200)
  discard(
    @CurrentCaller() caller: Caller,
    @Param('deadLetterId') id: string,
    @Body() body: unknown,
  ) {
    return this.#service.discard(caller, id, body);
  }
}
