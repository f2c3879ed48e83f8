import { Controller, Get, Header } from '@nestjs/common';
import { Public } from '../auth/access.ts';
import { graphPaths } from '../http/graph-paths.ts';
import { metadataDocument } from './csdl.ts';

/** What the API is made of, in OData's words. As at Graph it needs no token: there is nothing of a tenant in it. */
@Public()
@Controller(graphPaths('$metadata'))
export class MetadataController {
  readonly #document = metadataDocument();

  @Get()
  @Header('content-type', 'application/xml; charset=utf-8')
  read(): string {
    return this.#document;
  }
}
