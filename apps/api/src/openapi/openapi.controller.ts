import { Controller, Get, Header } from '@nestjs/common';
import { Public } from '../auth/access.ts';
import { Context, type RequestContext } from '../http/request-context.ts';
import { openApiDocument } from './document.ts';

/** The description of the API, for programs. */
@Public()
@Controller('openapi.json')
export class OpenApiController {
  @Get()
  @Header('content-type', 'application/json;charset=utf-8')
  read(@Context() { origin }: RequestContext): object {
    return openApiDocument(origin);
  }
}
