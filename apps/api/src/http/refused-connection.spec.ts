import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EchoController, portOf, sendRaw, startFixture } from './application.fixture.ts';
import { listen } from './application.ts';
import type { ErrorEnvelope } from './error-filter.ts';
import { GRAPH_JSON } from './graph-headers.ts';

const PATH = '/security/securityActions';

describe('what is not proper HTTP', () => {
  let app: NestFastifyApplication;
  let port: number;

  beforeAll(async () => {
    const fixture = await startFixture({ env: { LOG_LEVEL: 'silent' } });
    app = fixture.app;
    await listen(app, fixture.settings);
    port = portOf(app);
  });
  afterAll(() => app.close());

  const ask = async (bytes: string) => {
    const [head = '', body = ''] = (await sendRaw(port, bytes)).split('\r\n\r\n', 2);
    const headers = head.toLowerCase();
    const { error } = JSON.parse(body) as ErrorEnvelope;
    return { status: Number(head.split(' ')[1]), headers, error };
  };

  it.each([
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['a method that does not exist', `FETCH ${PATH} HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['a header without a name', `GET ${PATH} HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n`],
    [
      'two lengths',
      `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`,
    ],
    [
      'a length and chunks (request smuggling)',
      `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      'a broken chunk in the body',
      `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nnonsense`,
    ],
  ])('%s is 400 with an envelope', async (_name, bytes) => {
    const { status, headers, error } = await ask(bytes);
    expect(status).toBe(400);
    expect(error).toMatchObject({
      code: 'invalidRequest',
      message: 'The request is not valid HTTP.',
      innerError: { 'request-id': expect.any(String) },
    });
    expect(headers).toContain(`content-type: ${GRAPH_JSON.toLowerCase()}`);
    expect(headers).toContain(`request-id: ${error.innerError['request-id']}`);
    expect(headers).toContain('odata-version: 4.0');
    expect(headers).toContain('connection: close');
  });

  it('headers that are too large are 431', async () => {
    const header = `authorization: Bearer ${'x'.repeat(20_000)}`;
    const { status, error } = await ask(`GET ${PATH} HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`);
    expect([status, error.code]).toEqual([431, 'requestHeaderFieldsTooLarge']);
  });

  it('a request without a Host is 400', async () => {
    for (const version of ['1.0', '1.1']) {
      const bytes = `GET ${PATH} HTTP/${version}\r\nConnection: close\r\n\r\n`;
      const { status, error } = await ask(bytes);
      expect([status, error.message]).toEqual([
        400,
        'The Host header is missing or is not a host.',
      ]);
    }
  });

  it('a target in absolute form is answered as its path', async () => {
    const answer = await sendRaw(
      port,
      `GET http://x${PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toContain('200 OK');
  });

  it('an expectation that nobody knows is ignored', async () => {
    const bytes = `GET ${PATH} HTTP/1.1\r\nHost: x\r\nExpect: the-best\r\nConnection: close\r\n\r\n`;
    expect(await sendRaw(port, bytes)).toContain('200 OK');
  });

  it('a request that does not arrive in time is 408', async () => {
    const server = app.getHttpServer();
    const { headersTimeout, requestTimeout } = server;
    Object.assign(server, { headersTimeout: 100, requestTimeout: 100 });
    const { status, error } = await ask(`GET ${PATH} HTTP/1.1\r\nHost: x\r\n`);
    Object.assign(server, { headersTimeout, requestTimeout });
    expect([status, error.code]).toEqual([408, 'requestTimeout']);
  });

  it('behind a good request is not answered in its place', async () => {
    EchoController.hold = () => new Promise(() => {});
    const good = `GET ${PATH} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const answer = await sendRaw(port, `${good}nonsense\r\n\r\n`);
    EchoController.hold = undefined;
    expect(answer).toBe('');
  });
});
