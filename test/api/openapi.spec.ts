import { randomUUID } from 'node:crypto';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSettings } from '#config/settings';
import { createLogger } from '#observability/logger';
import { ApiModule } from '../../apps/api/src/api.module.ts';
import { createHttpApplication } from '../../apps/api/src/http/application.ts';
import { Client } from '../support/client.ts';
import { type OpenApi, operationsOf } from '../support/openapi.ts';
import { System } from '../support/system.ts';
import { read } from '../support/tidy/repository.ts';

/** Clients are generated from the document, and their methods have these names. */
const OPERATION_IDS = [
  'cancelSecurityAction',
  'cancelSecurityActionByQualifiedName',
  'countSecurityActions',
  'createSecurityAction',
  'createSecurityActionHold',
  'deleteSecurityAction',
  'discardSecurityActionDeadLetter',
  'getAsyncApiDocument',
  'getDocumentationFile_start_js',
  'getDocumentationFile_swagger_ui_bundle_js',
  'getDocumentationFile_swagger_ui_css',
  'getDocumentationPage',
  'getHealth',
  'getMetadata',
  'getMetrics',
  'getOpenApiDocument',
  'getReadiness',
  'getSecurityAction',
  'getSecurityActionDeadLetter',
  'getSecurityActionHistory',
  'getSecurityActionHold',
  'listSecurityActionDeadLetters',
  'listSecurityActionHolds',
  'listSecurityActionProviders',
  'listSecurityActions',
  'releaseSecurityActionHold',
  'replaySecurityActionDeadLetter',
  'reportSecurityAction',
  'sendBatch',
  'validateSecurityAction',
];

/** The routes that the application registers, as it starts against the services of the system. */
async function servedRoutes(system: System): Promise<string[]> {
  const settings = loadSettings({
    DATABASE_URL: system.databaseUrl,
    KAFKA_BROKERS: system.kafkaBrokers,
    KAFKA_TOPIC_PREFIX: system.topicPrefix,
  });
  const logger = createLogger('test', settings, { write: () => undefined });
  const app = await createHttpApplication(ApiModule.with(settings, logger), settings, logger);
  const routes = new Set<string>();
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) routes.add(`${each} ${url}`);
  });
  await app.init();
  await app.close();
  // HEAD comes with GET; the document says so once for all.
  return [...routes].filter((route) => !route.startsWith('HEAD ')).toSorted();
}

describe('GET /openapi.json', () => {
  let system: System;
  let client: Client;
  let document: OpenApi;

  beforeAll(async () => {
    system = await System.start();
    client = await system.client();
    document = (await new Client(client.url, '').request<OpenApi>('GET', '/openapi.json')).body;
  });
  afterAll(() => system?.stop());

  it('needs no token and is a valid OpenAPI 3.1 document', async () => {
    const { valid, errors } = await new Validator().validate({ ...document });
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    expect(document.openapi).toBe('3.1.0');
  });

  it('describes every route that is served, under every base, and no other', async () => {
    const described = operationsOf(document).flatMap(({ method, path }) => {
      const servers = document.paths[path]!.servers ?? document.servers;
      const route = path.replaceAll(/\{(\w+)\}/g, ':$1');
      return servers.map(({ url }) => `${method} ${url.replace(client.url, '')}${route}`);
    });
    expect(described.toSorted()).toEqual(await servedRoutes(system));
  });

  it('names the version of the product, and servers at the address it was asked at', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(document.info.version).toBe(version);
    expect(document.servers.map(({ url }) => url)).toEqual([
      `${client.url}/beta`,
      `${client.url}/v1.0`,
      client.url,
    ]);
  });

  it('keeps the ids of its operations', () => {
    const ids = operationsOf(document).map(({ operation }) => operation.operationId);
    expect(ids.toSorted()).toEqual(OPERATION_IDS);
  });

  it('describes every error by one schema, at every operation', () => {
    const refused = operationsOf(document).flatMap(({ operation }) =>
      Object.entries(operation.responses)
        .filter(([status]) => Number(status) >= 400)
        .filter(([status]) => operation.operationId !== 'getReadiness' || status !== '503')
        .map(([, response]) => response.content?.['application/json']?.schema),
    );
    expect(refused.length).toBeGreaterThan(100);
    expect(new Set(refused.map((schema) => JSON.stringify(schema)))).toEqual(
      new Set(['{"$ref":"#/components/schemas/ODataError"}']),
    );
  });

  it('requires no property of any answer, as $select leaves some out', () => {
    const bodies = [
      'createSecurityAction',
      'report',
      'batchRequest',
      'createHold',
      'decideDeadLetter',
    ];
    const answers = Object.entries(document.components.schemas).filter(
      ([name]) => !bodies.includes(name),
    );
    expect(answers.length).toBeGreaterThan(10);
    expect(answers.filter(([, schema]) => JSON.stringify(schema).includes('"required":['))).toEqual(
      [],
    );
  });

  it('says of each operation who may call it', async () => {
    const callers = {
      nobody: new Client(client.url, ''),
      reader: await system.client({ roles: ['SecurityActions.Read.All'] }),
      writer: client,
      operator: await system.client({ roles: ['SecurityActions.Operate.All'] }),
    };
    const wrong: string[] = [];
    for (const { method, url, operation } of operationsOf(document)) {
      const roles = operation.security.flatMap(({ bearer }) => bearer ?? []);
      const by = (role: string) =>
        roles.length === 0 || roles.includes(`SecurityActions.${role}.All`) ? 'let in' : 403;
      const expected = {
        nobody: roles.length === 0 ? 'let in' : 401,
        reader: by('Read'),
        writer: by('ReadWrite'),
        operator: by('Operate'),
      };
      for (const [caller, outcome] of Object.entries(expected)) {
        const answer = await callers[caller as keyof typeof callers].request(
          method,
          url.replace(/\{\w+\}/, randomUUID()),
        );
        const got = [401, 403].includes(answer.status) ? answer.status : 'let in';
        if (got !== outcome) wrong.push(`${operation.operationId}, ${caller}: ${got}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('GET /docs', () => {
  let system: System;

  beforeAll(async () => {
    system = await System.start({ workers: 0 });
  });
  afterAll(() => system?.stop());

  it('needs no token and nothing from another host', async () => {
    const client = new Client(system.apis[0]!.url, '');
    const page = await client.request<string>('GET', '/docs');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const addresses = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!);
    const files = addresses.filter((address) => address !== 'data:,');
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) {
      expect(file).toMatch(/^\/\w/);
      expect((await client.request('GET', file)).status, file).toBe(200);
    }
  });

  it('lets the page run no script and load no style but its own', async () => {
    const { headers, body } = await new Client(system.apis[0]!.url, '').request<string>(
      'GET',
      '/docs/',
    );
    const policy = headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.toContain('unsafe');
    expect(body).not.toMatch(/<script>|<style|\son\w+=|style=/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('sends its files again only when they have changed', async () => {
    const client = new Client(system.apis[0]!.url, '');
    const first = await client.request('GET', '/docs/swagger-ui.css');
    // Without a word about caches, fetch asks for what no cache has.
    const headers = {
      'if-none-match': first.headers.get('etag')!,
      'cache-control': 'max-age=0',
    };
    const again = await client.request('GET', '/docs/swagger-ui.css', { headers });
    expect(again.status).toBe(304);
  });

  it('has no other file of the package', async () => {
    const answer = await new Client(system.apis[0]!.url, '').request('GET', '/docs/package.json');
    expect(answer.status).toBe(400);
    expect(answer.body.error.code).toBe('BadRequest');
  });
});
