import { Controller, Get, Header } from '@nestjs/common';
import { Settings } from '#config/settings';
import { Public } from '../auth/access.ts';
import { asyncApiDocument } from './document.ts';

/** The description of the topics and messages, for programs. */
@Public()
@Controller('asyncapi.json')
export class AsyncApiController {
  readonly #document: object;

  constructor(settings: Settings) {
    this.#document = asyncApiDocument(settings);
  }

  @Get()
  @Header('content-type', 'application/json;charset=utf-8')
  read(): object {
    return this.#document;
  }
}
