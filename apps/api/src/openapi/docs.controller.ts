import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import { Controller, Get, Header, Req, Res } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../auth/access.ts';

const SWAGGER_UI = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));
const PACKAGE_FILES = ['swagger-ui.css', 'swagger-ui-bundle.js'];
/** What the page is made of, all of it from here, with its types. */
export const DOCS_FILES: Record<string, string> = {
  'swagger-ui.css': 'text/css',
  'swagger-ui-bundle.js': 'application/javascript',
  'start.js': 'application/javascript',
};

/** Scripts and styles of our own only; the icons of Swagger UI are `data:`. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Security Actions</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
  </head>
  <body>
    <div id="docs"></div>
    <noscript>This page needs JavaScript; <a href="/openapi.json">/openapi.json</a> does not.</noscript>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

/** A file, as the page allows no script within itself. `validatorUrl`: else the document is sent to a stranger. */
const SCRIPT = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
`;

/** Lets the controller send files of Swagger UI, with ETags and ranges. */
export function registerDocs(fastify: FastifyInstance): void {
  fastify.register(fastifyStatic, { root: SWAGGER_UI, serve: false, cacheControl: false });
}

/** The description of the API, for people: Swagger UI, served from here, so that it works without internet. */
@Public()
@Controller('docs')
export class DocsController {
  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', CONTENT_SECURITY_POLICY)
  @Header('x-content-type-options', 'nosniff')
  @Header('referrer-policy', 'no-referrer')
  page(): string {
    return PAGE;
  }

  @Get('start.js')
  @Header('content-type', 'application/javascript; charset=utf-8')
  @Header('x-content-type-options', 'nosniff')
  script(): string {
    return SCRIPT;
  }

  @Get(PACKAGE_FILES)
  file(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    reply.header('x-content-type-options', 'nosniff');
    reply.sendFile(request.routeOptions.url!.replace('/docs/', ''));
  }
}
