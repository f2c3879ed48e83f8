import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ApiError } from '#domain/errors';
import { EchoController, startFixture } from '../http/application.fixture.ts';
import type { ErrorEnvelope } from '../http/error-filter.ts';
import { GRAPH_JSON } from '../http/graph-headers.ts';
import { BatchController } from './batch.controller.ts';
import type { ItemAnswer } from './batch-item.ts';

const PATH = 'security/securityActions';
const JSON_TYPE = { 'Content-Type': 'application/json' };

describe('a batch', () => {
  let app: NestFastifyApplication;
  let lines: Record<string, unknown>[];

  beforeAll(async () => {
    ({ app, lines } = await startFixture({
      env: {
        BODY_BYTES_MAX: '2000',
        BATCH_BODY_BYTES_MAX: '20000',
        BODY_BYTES_IN_FLIGHT_MAX: '51000',
        BATCH_TIMEOUT_MS: '300',
        TRUST_PROXY: 'true',
      },
      controllers: [EchoController, BatchController],
    }));
  });
  afterEach(() => {
    EchoController.hold = undefined;
    EchoController.fault = undefined;
    lines.length = 0;
  });
  afterAll(() => app.close());

  const send = (requests: unknown, headers = {}, url = '/beta/$batch') =>
    app.inject({ method: 'POST', url, headers, payload: { requests } as object });
  const answers = async (...sent: Parameters<typeof send>) => {
    const answer = await send(...sent);
    expect(answer.statusCode).toBe(200);
    return answer.json<{ responses: ItemAnswer[] }>().responses;
  };
  const only = async (request: object, ...rest: [object?, string?]) =>
    (await answers([{ id: '1', method: 'GET', ...request }], ...rest))[0]!;
  const refusal = async (requests: unknown) => {
    const answer = await send(requests);
    const { error } = answer.json<ErrorEnvelope>();
    return [answer.statusCode, error.code, error.target];
  };

  describe('answers a request', () => {
    it('with its id, status, headers and JSON body', async () => {
      expect(await only({ url: `/${PATH}/7` })).toEqual({
        id: '1',
        status: 200,
        headers: {
          'Content-Type': GRAPH_JSON,
          'request-id': expect.any(String),
          'client-request-id': expect.any(String),
          'OData-Version': '4.0',
          'Cache-Control': 'no-cache',
        },
        body: { id: '7' },
      });
    });

    it.each([
      [`/${PATH}`, '/beta/$batch', '/beta'],
      [PATH, '/v1.0/$batch', '/v1.0'],
      [PATH, '/$batch', ''],
      [`/beta/${PATH}`, '/beta/$batch', '/beta'],
      [`/v1.0/${PATH}?$top=1`, '/beta/$batch', '/v1.0'],
      [`https://us.example.com:8443/beta/${PATH}`, '/beta/$batch', '/beta'],
      [`HTTPS://us.example.com:8443/${PATH}`, '/beta/$batch', ''],
    ])('to %s in %s under the base %s, with links to the same host', async (url, at, base) => {
      const outside = {
        'x-forwarded-host': 'us.example.com:8443',
        'x-forwarded-proto': 'https',
      };
      const { body } = await only({ url }, outside, at);
      expect(body).toMatchObject({ base, origin: 'https://us.example.com:8443' });
    });

    it.each([
      'https://graph.microsoft.com/beta/me',
      'http://localhost@evil.example.com/',
      'http://localhost.evil.example.com',
    ])('to another host (%s) with 400', async (url) => {
      const { status, body } = await only({ url });
      expect([status, body]).toMatchObject([400, { error: { target: 'url' } }]);
    });

    it.each(['ftp://evil.example.com/x', '//evil.example.com/x', 'nowhere', '/beta'])(
      'to %s, which is no path of ours, with 400',
      async (url) => {
        expect(await only({ url })).toMatchObject({
          status: 400,
          headers: { 'Content-Type': GRAPH_JSON },
          body: { error: { code: 'BadRequest' } },
        });
      },
    );

    it('that is a batch itself with 400', async () => {
      const inner = { requests: [{ id: '1', method: 'GET', url: PATH }] };
      for (const url of ['/$batch', '/beta/$batch', 'x/../%24batch', '%24batch']) {
        const request = { method: 'POST', url, headers: JSON_TYPE, body: inner };
        const { status, body } = await only(request);
        expect([status, body]).toMatchObject([400, { error: { code: expect.any(String) } }]);
      }
    });

    it('without a body neither with one nor with its type', async () => {
      const cancelled = await only({ method: 'post', url: `${PATH}/1/cancelSecurityAction` });
      expect(cancelled.status).toBe(200);
      const deleted = await only({ method: 'DELETE', url: `${PATH}/1` });
      expect(deleted.status).toBe(204);
      for (const answer of [cancelled, deleted]) {
        expect(answer).not.toHaveProperty('body');
        expect(answer.headers).not.toHaveProperty('Content-Type');
      }
    });

    it('for a count with the text that it is', async () => {
      const { headers, body } = await only({ url: `${PATH}/$count` });
      expect(headers['Content-Type']).toMatch(/^text\/plain/);
      expect(body).toBe('7');
    });

    it('that fails with the error and the headers it has outside of a batch', async () => {
      EchoController.fault = new ApiError('notYetVisible', undefined, { retryAfterSeconds: 3 });
      expect(await only({ url: PATH })).toMatchObject({
        status: 503,
        headers: { 'Retry-After': '3', 'Content-Type': GRAPH_JSON },
        body: { error: { code: 'notYetVisible' } },
      });
      expect(await only({ method: 'PUT', url: PATH })).toMatchObject({
        status: 405,
        headers: { Allow: 'GET, HEAD, POST' },
      });
    });
  });

  describe('takes a body', () => {
    const sample = { name: 'BlockIp' };
    const base64 = Buffer.from(JSON.stringify(sample)).toString('base64');

    it.each([
      ['JSON with its type', { headers: JSON_TYPE, body: sample }],
      [
        'JSON with its type in lower case',
        { headers: { 'content-type': 'application/json' }, body: sample },
      ],
      ['JSON without a type', { body: sample }],
      ['base64 without headers (TypeScript core)', { body: base64 }],
      ['base64 with its type', { headers: JSON_TYPE, body: base64 }],
      ['text that is JSON', { headers: JSON_TYPE, body: JSON.stringify(sample) }],
    ])('that is %s', async (_name, request) => {
      const { status, body } = await only({ method: 'POST', url: PATH, ...request });
      expect([status, body]).toEqual([201, { received: sample }]);
    });

    it.each([{}, { body: null }, { body: '' }, { body: null, headers: JSON_TYPE }])(
      'that is none: %j',
      async (request) => {
        const { body } = await only({ method: 'POST', url: PATH, ...request });
        expect(body).toEqual({ received: 'undefined' });
      },
    );

    it('of no other type than JSON', async () => {
      const headers = { 'Content-Type': 'text/plain' };
      const { status } = await only({ method: 'POST', url: PATH, headers, body: sample });
      expect(status).toBe(415);
    });

    it('up to the limit of one body, and the batch up to a limit of its own', async () => {
      const requests = [1500, 2500].map((length, index) => ({
        id: String(index),
        method: 'POST',
        url: PATH,
        headers: JSON_TYPE,
        body: { text: 'x'.repeat(length) },
      }));
      expect((await answers(requests)).map(({ status }) => status)).toEqual([201, 413]);
      const tooLarge = await send([{ ...requests[0], body: 'x'.repeat(20_000) }]);
      expect(tooLarge.statusCode).toBe(413);
    });

    it('and takes the room for bodies once, for the batch and not again for what is in it', async () => {
      const requests = Array.from({ length: 8 }, (_, index) => ({
        id: String(index),
        method: 'POST',
        url: PATH,
        headers: JSON_TYPE,
        body: { text: 'x'.repeat(1900) },
      }));
      // The room is as good as full with the batch alone.
      expect(JSON.stringify({ requests }).length).toBeGreaterThan(16_000);
      const statuses = (await answers(requests)).map(({ status }) => status);
      expect(statuses).toEqual(requests.map(() => 201));
    });
  });

  describe('is refused as a whole', () => {
    const request = { id: '1', method: 'GET', url: PATH };
    it.each<[string, unknown, string]>([
      ['it has no requests', undefined, 'requests'],
      ['it is empty', [], 'requests'],
      [
        'it has more than 20',
        Array.from({ length: 21 }, (_, id) => ({ ...request, id: `${id}` })),
        'requests',
      ],
      ['an id is missing', [{ ...request, id: undefined }], 'requests[0].id'],
      [
        'ids differ by case only',
        [
          { ...request, id: 'a' },
          { ...request, id: 'A' },
        ],
        'requests[1].id',
      ],
      ['a method is unknown', [{ ...request, method: 'FETCH' }], 'requests[0].method'],
      ['a url is missing', [{ ...request, url: undefined }], 'requests[0].url'],
      ['a header is no text', [{ ...request, headers: { a: 1 } }], 'requests[0].headers.a'],
      ['a request waits for nobody', [{ ...request, dependsOn: ['2'] }], 'requests[0].dependsOn'],
      ['a request waits for itself', [{ ...request, dependsOn: ['1'] }], 'requests[0].dependsOn'],
      [
        'requests wait for each other',
        [
          { ...request, id: '0' },
          { ...request, dependsOn: ['2'] },
          { ...request, id: '2', dependsOn: ['1'] },
        ],
        'requests[1].dependsOn',
      ],
      [
        'it asks for all or nothing',
        [{ ...request, atomicityGroup: 'g' }],
        'requests[0].atomicityGroup',
      ],
    ])('when %s', async (_name, requests, target) => {
      expect(await refusal(requests)).toEqual([400, 'invalidRequest', target]);
    });
  });

  describe('keeps the order', () => {
    const get = (id: string, dependsOn?: string[]) => ({ id, method: 'GET', url: PATH, dependsOn });

    it('of the answers, and sends independent requests side by side, five at a time', async () => {
      let now = 0;
      let most = 0;
      EchoController.hold = async () => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 5));
        now -= 1;
      };
      const ids = Array.from({ length: 20 }, (_, index) => `r${index}`);
      const got = await answers(ids.map((id) => get(id)));
      expect(got.map(({ id }) => id)).toEqual(ids);
      expect(most).toBe(5);
    });

    it('of requests that depend on others, whatever the case of the ids', async () => {
      const seen: unknown[] = [];
      EchoController.hold = async () => {
        seen.push('list');
        await new Promise((resolve) => setTimeout(resolve, 5));
        seen.push('listed');
      };
      await answers([get('C', ['b']), get('B', ['A']), get('a')]);
      expect(seen).toEqual(['list', 'listed', 'list', 'listed', 'list', 'listed']);
    });

    it('with 424 for what depends on a failure, directly or not, and for nothing else', async () => {
      const got = await answers([
        { id: 'bad', method: 'GET', url: 'nowhere' },
        get('child', ['bad', 'good']),
        get('grandchild', ['child']),
        get('good'),
      ]);
      expect(got.map(({ status }) => status)).toEqual([400, 424, 424, 200]);
      expect(got[1]).toMatchObject({
        headers: { 'Content-Type': GRAPH_JSON },
        body: { error: { code: 'failedDependency', message: expect.stringContaining("'bad'") } },
      });
    });

    it('and begins nothing more when it takes too long', async () => {
      EchoController.hold = () => new Promise((resolve) => setTimeout(resolve, 310));
      const got = await answers([get('1'), get('2', ['1']), get('3', ['2'])]);
      expect(got.map(({ status }) => status)).toEqual([200, 503, 424]);
      expect(got[1]!.headers['Retry-After']).toBe('1');
    });
  });

  describe('hands on', () => {
    const ids = async (headers: object, requests: object[]) =>
      (await answers(requests, headers)).map((answer) => answer.headers['client-request-id']);
    const get = (id: string, headers = {}) => ({ id, method: 'GET', url: PATH, headers });

    it('a client-request-id of its own to each request, the same when it is sent again', async () => {
      const mine = { 'client-request-id': 'mine' };
      const first = await ids(mine, [get('1'), get('2')]);
      expect(new Set(first).size).toBe(2);
      expect(await ids(mine, [get('1'), get('2')])).toEqual(first);
      const own = { 'Client-Request-Id': 'own' };
      expect(await ids(mine, [get('1', own)])).toEqual(['own']);
    });

    it('no host, token or forwarding that a request brings along', async () => {
      const headers = {
        Host: 'evil.example.com',
        'X-Forwarded-Host': 'evil.example.com',
        'X-Forwarded-Proto': 'https',
        'Content-Length': '1',
        Connection: 'close',
      };
      const { body } = await only({ url: PATH, headers }, { host: 'us.example.com' });
      expect(body).toMatchObject({ origin: 'http://us.example.com' });
    });

    it.each([{ 'a b': 'x' }, { a: 'x\r\ny: z' }])('no header that is none: %j', async (headers) => {
      const { status, body } = await only({ url: PATH, headers });
      expect([status, body]).toMatchObject([400, { error: { target: 'headers' } }]);
    });

    it('no more headers than a connection would take', async () => {
      expect((await only({ url: PATH, headers: { a: 'x'.repeat(17_000) } })).status).toBe(431);
      expect((await only({ url: `${PATH}?x=${'x'.repeat(17_000)}` })).status).toBe(431);
    });
  });

  it('leaves a line in the log for each request, which names the batch', async () => {
    const answer = await send([{ id: '1', method: 'GET', url: `${PATH}/7` }]);
    const batchRequestId = answer.headers['request-id'];
    expect(lines).toMatchObject([
      { route: '/beta/security/securityActions/:id', status: 200, batchRequestId },
      { route: '/beta/$batch', status: 200, requestId: batchRequestId },
    ]);
  });
});
