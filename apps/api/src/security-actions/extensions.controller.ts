import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import type { Caller } from '#domain/caller';
import { RequireRole } from '../auth/access.ts';
import { CurrentCaller } from '../auth/caller.ts';
import { graphPaths } from '../http/graph-paths.ts';
import { SECURITY_ACTIONS } from './presenter.ts';
import { SecurityActionsService } from './security-actions.service.ts';

/** What Graph never had: a dry run, and the whole story of an action. */
@Controller(graphPaths(SECURITY_ACTIONS))
export class ExtensionsController {
  readonly #service: SecurityActionsService;

  constructor(service: SecurityActionsService) {
    this.#service = service;
  }

  /** Everything a create checks; nothing is created. */
  @Post('validate')
  @HttpCode(200)
  @RequireRole('write')
  validate(@Body() body: unknown) {
    return this.#service.validate(body);
  }

  @Get(':id/history')
  @RequireRole('read')
  async history(@CurrentCaller() caller: Caller, @Param('id') id: string) {
    return { value: await this.#service.history(caller, id) };
  }
}
