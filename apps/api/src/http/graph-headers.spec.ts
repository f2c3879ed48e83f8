import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFixture } from './application.fixture.ts';
import type { RequestContext } from './request-context.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const PATH = '/security/securityActions';

describe('an answer', () => {
  let app: NestFastifyApplication;
  let lines: Record<string, unknown>[];

  beforeAll(async () => {
    ({ app, lines } = await startFixture());
  });
  afterAll(() => app.close());

  const get = (url: string, headers = {}) => app.inject({ url, headers });

  it.each([`/beta${PATH}`, '/nowhere', '/%zz'])(
    'of %s carries the headers of Graph',
    async (url) => {
      const { headers } = await get(url);
      expect(headers).toMatchObject({
        'request-id': expect.stringMatching(UUID),
        'client-request-id': headers['request-id'],
        'odata-version': '4.0',
        'cache-control': 'no-cache',
        vary: 'Authorization, Prefer',
        'content-type':
          'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8',
      });
      expect(headers['strict-transport-security']).toBeUndefined();
    },
  );

  it.each([
    ['x'.repeat(255), true],
    ['x'.repeat(256), false],
    ['two words', false],
    ['naïve', false],
  ])('repeats the client-request-id %s if it is sane: %s', async (sent, sane) => {
    const { headers } = await get(PATH, { 'client-request-id': sent });
    expect(headers['client-request-id']).toBe(sane ? sent : headers['request-id']);
  });

  it('without a body has no content type (the JavaScript client would parse it)', async () => {
    const { statusCode, headers, body } = await app.inject({
      method: 'POST',
      url: `${PATH}/1/cancelSecurityAction`,
    });
    expect([statusCode, body, headers['content-length']]).toEqual([200, '', '0']);
    expect(headers['content-type']).toBeUndefined();
  });

  it('with status 204 has neither type nor length', async () => {
    const { statusCode, headers } = await app.inject({ method: 'DELETE', url: `${PATH}/1` });
    expect(statusCode).toBe(204);
    expect(headers).not.toHaveProperty('content-type');
    expect(headers).not.toHaveProperty('content-length');
  });

  it('that is text stays text', async () => {
    expect((await get(`${PATH}/$count`)).headers['content-type']).toContain('text/plain');
  });

  it('leaves one line in the log: ids, route, status, duration; no query, no id of an action', async () => {
    lines.length = 0;
    const { headers } = await get(`/beta${PATH}/xyz?$filter=secret`, { 'client-request-id': 'c1' });
    expect(lines).toMatchObject([
      {
        level: 'info',
        service: 'test',
        msg: 'request',
        requestId: headers['request-id'],
        clientRequestId: 'c1',
        method: 'GET',
        route: '/beta/security/securityActions/:id',
        status: 200,
        durationMs: expect.any(Number),
      },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/secret|xyz/);
  });
});

describe('the context of a request', () => {
  const contextOf = async (url: string, headers = {}, env = {}) => {
    const { app } = await startFixture({ env: { LOG_LEVEL: 'silent', ...env } });
    try {
      const answer = await app.inject({ url, headers });
      return { status: answer.statusCode, ...answer.json<RequestContext>() };
    } finally {
      await app.close();
    }
  };

  it.each([
    ['', ''],
    ['/beta', '/beta'],
    ['/v1.0', '/v1.0'],
  ])('knows the base path %s', async (prefix, base) => {
    expect(await contextOf(`${prefix}${PATH}`)).toMatchObject({ base });
    expect(await contextOf(`${prefix}${PATH}/`)).toMatchObject({ base });
    expect(await contextOf(`${prefix}${PATH}?$top=1`)).toMatchObject({ base });
  });

  it('has a client-request-id only if the client sent one', async () => {
    expect(await contextOf(PATH)).toMatchObject({ clientRequestId: null });
    const headers = { 'client-request-id': 'mine' };
    expect(await contextOf(PATH, headers)).toMatchObject({ clientRequestId: 'mine' });
  });

  it.each(['graph.example.com:8443', 'localhost', '[::1]:8080', '10.0.0.1:80'])(
    'takes the origin from the Host header %s',
    async (host) => {
      expect(await contextOf(PATH, { host })).toMatchObject({ origin: `http://${host}` });
    },
  );

  it.each(['evil.com/path', 'a b', 'a@b', 'a:b:c', "a'<script>"])(
    'refuses the Host header %j, as links are built from it',
    async (host) => {
      expect(await contextOf(PATH, { host })).toMatchObject({ status: 400 });
    },
  );

  const forwarded = {
    host: 'inside:8080',
    'x-forwarded-host': 'outside.example.com',
    'x-forwarded-proto': 'https',
  };

  it('ignores X-Forwarded-* unless told to trust the proxy', async () => {
    expect(await contextOf(PATH, forwarded)).toMatchObject({ origin: 'http://inside:8080' });
    const env = { TRUST_PROXY: 'true' };
    expect(await contextOf(PATH, forwarded, env)).toMatchObject({
      origin: 'https://outside.example.com',
    });
  });

  it('takes the port of the proxy when its host has none', async () => {
    const headers = { ...forwarded, 'x-forwarded-port': '8443' };
    expect(await contextOf(PATH, headers, { TRUST_PROXY: 'true' })).toMatchObject({
      origin: 'https://outside.example.com:8443',
    });
  });

  it('refuses a forwarded protocol or host that is none', async () => {
    const env = { TRUST_PROXY: 'true' };
    const bad = [{ 'x-forwarded-proto': 'javascript' }, { 'x-forwarded-host': 'a/b' }];
    for (const headers of bad) {
      expect(await contextOf(PATH, { ...forwarded, ...headers }, env)).toMatchObject({
        status: 400,
      });
    }
  });
});
