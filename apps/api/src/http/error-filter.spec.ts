import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { QueryFailedError } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ApiError } from '#domain/errors';
import { BrokerUnavailable, MessageRefused, QueueFull } from '#kafka/publish-errors';
import { EchoController, startFixture } from './application.fixture.ts';
import type { ErrorEnvelope } from './error-filter.ts';
import { GRAPH_JSON } from './graph-headers.ts';

const URL = '/beta/security/securityActions';

describe('an error', () => {
  let app: NestFastifyApplication;
  let lines: Record<string, unknown>[];

  beforeAll(async () => {
    ({ app, lines } = await startFixture({ env: { AUTH_ISSUER: 'https://issuer.test/' } }));
  });
  afterEach(() => {
    EchoController.fault = undefined;
    lines.length = 0;
  });
  afterAll(() => app.close());

  const meet = async (fault: unknown) => {
    EchoController.fault = fault;
    return await ask('GET', URL);
  };
  const ask = async (method: string, url: string, headers = {}) => {
    const answer = await app.inject({ method: method as 'GET', url, headers });
    const { error } = JSON.parse(answer.body) as ErrorEnvelope;
    return { status: answer.statusCode, headers: answer.headers, error };
  };

  it("wears Graph's envelope: code, message, target, details and innerError", async () => {
    const details = [{ code: 'unknownAction', message: 'no', target: 'name' }] as const;
    const fault = new ApiError('unknownProvider', 'unknown', {
      target: 'vendorInformation',
      details: [...details],
    });
    const { status, headers, error } = await meet(fault);
    expect(status).toBe(400);
    expect(headers['content-type']).toBe(GRAPH_JSON);
    expect(error).toEqual({
      code: 'unknownProvider',
      message: 'unknown',
      target: 'vendorInformation',
      details,
      innerError: {
        date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/),
        'request-id': headers['request-id'],
        'client-request-id': headers['request-id'],
      },
    });
  });

  it("repeats the client's own request id", async () => {
    const { error } = await ask('GET', '/nowhere', { 'client-request-id': 'mine' });
    expect(error.innerError['client-request-id']).toBe('mine');
  });

  it.each([
    ['GET', '/nonsense', 'nonsense'],
    ['GET', '/v2.0/security/securityActions', 'v2.0'],
    ['GET', '/beta/security/nonsense/1', 'nonsense'],
    ['POST', '/v1.0/security/securityActions/1/nonsense', 'nonsense'],
    ['GET', '/security', 'security'],
    ['GET', '/beta/', 'beta'],
    ['GET', '/', ''],
    ['HEAD2', '/security/%C3%BC', 'ü'],
    ['GET', `/${'x'.repeat(500)}`, `${'x'.repeat(100)}…`],
    ['OPTIONS', '*', '*'],
  ])('%s %s is 400 and names the first unknown segment', async (method, url, segment) => {
    const { status, error } = await ask(method === 'HEAD2' ? 'PROPFIND' : method, url);
    expect(status).toBe(400);
    expect(error.code).toBe('BadRequest');
    expect(error.message).toBe(`Resource not found for the segment '${segment}'.`);
  });

  it.each([
    ['PUT', URL, 'GET, HEAD, POST'],
    ['PATCH', `${URL}/1`, 'DELETE, GET, HEAD'],
    ['GET', `${URL}/1/cancelSecurityAction`, 'POST'],
    ['GET', `${URL}/1/microsoft.graph.cancelSecurityAction/`, 'POST'],
    ['PROPFIND', URL, 'GET, HEAD, POST'],
  ])('%s %s is 405 and says what is allowed', async (method, url, allowed) => {
    const { status, headers, error } = await ask(method, url);
    expect(status).toBe(405);
    expect(headers['allow']).toBe(allowed);
    expect(error.code).toBe('Request_BadRequest');
  });

  it('OPTIONS of a path says what is allowed there', async () => {
    const { statusCode, headers, body } = await app.inject({ method: 'OPTIONS', url: URL });
    expect([statusCode, headers['allow'], body]).toEqual([204, 'GET, HEAD, POST', '']);
    expect(headers['content-type']).toBeUndefined();
  });

  it('HEAD answers as GET does, without a body', async () => {
    const { statusCode, headers, body } = await app.inject({ method: 'HEAD', url: `${URL}/1` });
    expect([statusCode, headers['content-type'], body]).toEqual([200, GRAPH_JSON, '']);
    expect((await app.inject({ method: 'HEAD', url: '/nowhere' })).statusCode).toBe(400);
  });

  it.each(['/%zz', `${URL}/%zz`, `/%E0%A4%A?x=1`])('a bad URL such as %s is 400', async (url) => {
    const { status, headers, error } = await ask('GET', url, { 'client-request-id': 'mine' });
    expect([status, error.code]).toEqual([400, 'invalidRequest']);
    expect(headers).toMatchObject({
      'content-type': GRAPH_JSON,
      'request-id': error.innerError['request-id'],
      'client-request-id': 'mine',
      'odata-version': '4.0',
    });
  });

  it('of a long id is the business of the route, not of the router', async () => {
    const id = 'x'.repeat(5000);
    expect((await app.inject(`${URL}/${id}`)).json()).toEqual({ id });
  });

  it('of a client is not logged but in the line of its request', async () => {
    await meet(new ApiError('itemNotFound'));
    expect(lines).toMatchObject([{ msg: 'request', status: 404, errorCode: 'itemNotFound' }]);
  });

  it('that nobody expected is 500, says nothing of what happened, and is logged once', async () => {
    const cause = new Error('password=hunter2');
    const { status, error } = await meet(new TypeError('secret of the inside', { cause }));
    expect([status, error.code]).toEqual([500, 'generalException']);
    expect(JSON.stringify(error)).not.toMatch(/secret|hunter2|at /);
    const logged = lines.filter((line) => line['level'] === 'error');
    expect(logged).toMatchObject([
      {
        requestId: error.innerError['request-id'],
        err: { type: 'TypeError', stack: expect.stringContaining('error-filter.spec') },
      },
    ]);
  });

  it.each(['a string', undefined, null, { an: 'object' }])(
    'that is no error at all (%j) is 500',
    async (thrown) => {
      EchoController.fault = thrown ?? new Error('stands for nothing');
      expect((await ask('GET', URL)).status).toBe(500);
    },
  );

  it.each([
    ['refused connection', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })],
    ['statement time-out', queryFailed('57014')],
    ['too many connections', queryFailed('53300')],
    ['shutdown of Postgres', queryFailed('57P01')],
    ['lost connection', queryFailed('08006')],
    ['pool time-out', new Error('timeout exceeded when trying to connect')],
    ['Kafka outage', new BrokerUnavailable('unknown')],
    ['full queue', new QueueFull('full')],
  ])('from a %s is 503 with Retry-After', async (_name, fault) => {
    const { status, headers, error } = await meet(fault);
    expect([status, error.code]).toEqual([503, 'serviceNotAvailable']);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(headers['retry-after'])).toBeLessThanOrEqual(10);
  });

  it('of our own SQL or message is 500, not an outage', async () => {
    expect((await meet(queryFailed('42601'))).status).toBe(500);
    expect((await meet(new MessageRefused('too large'))).status).toBe(500);
  });

  it('says when to try again, if the thrower knows', async () => {
    const { status, headers } = await meet(
      new ApiError('notYetVisible', undefined, { retryAfterSeconds: 7 }),
    );
    expect([status, headers['retry-after']]).toEqual([503, '7']);
  });

  it('401 says where tokens come from, without a challenge for claims', async () => {
    const { status, headers } = await meet(new ApiError('InvalidAuthenticationToken'));
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe(
      'Bearer realm="", authorization_uri="https://issuer.test/"',
    );
  });

  it('never logs the values of a statement', async () => {
    const failed = new QueryFailedError('SELECT $1', ['10.0.0.99'], new Error('broken'));
    await meet(failed);
    expect(JSON.stringify(lines)).not.toContain('10.0.0.99');
  });
});

function queryFailed(code: string): QueryFailedError {
  return new QueryFailedError('SELECT 1', [], Object.assign(new Error('failed'), { code }));
}
