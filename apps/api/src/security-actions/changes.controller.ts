import {
  Body,
  Controller,
  Delete,
  Headers,
  HttpCode,
  Param,
  Patch,
  Req,
  Res,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '#domain/caller';
import { RequireRole } from '../auth/access.ts';
import { CurrentCaller } from '../auth/caller.ts';
import { graphPaths } from '../http/graph-paths.ts';
import { followsReturnMinimal } from '../http/prefer.ts';
import { Context, type RequestContext } from '../http/request-context.ts';
import { ChangesService } from './changes.service.ts';
import { Presenter, SECURITY_ACTIONS } from './presenter.ts';

/** PATCH and DELETE of one action. */
@Controller(graphPaths(SECURITY_ACTIONS))
@RequireRole('write')
export class ChangesController {
  readonly #service: ChangesService;
  readonly #presenter: Presenter;

  constructor(service: ChangesService, presenter: Presenter) {
    this.#service = service;
    this.#presenter = presenter;
  }

  @Patch(':id')
  async change(
    @CurrentCaller() caller: Caller,
    @Context() context: RequestContext,
    @Param('id') id: string,
    @Headers() headers: Record<string, string | undefined>,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const row = await this.#service.change(caller, { id, tenantId: headers['x-tenant-id'] }, body, {
      ifMatch: headers['if-match'],
    });
    const entity = this.#presenter.entity(row, context, reply);
    return followsReturnMinimal(request, reply) ? undefined : entity;
  }

  @Delete(':id')
  @HttpCode(204)
  async remove(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<void> {
    await this.#service.remove(caller, id, { ifMatch });
  }
}
