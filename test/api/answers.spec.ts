import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import { type Answer, Client, type ErrorBody, PUBLISHED_SAMPLE } from '../support/client.ts';
import { System } from '../support/system.ts';
import { trustAuthority } from '../support/trust.ts';

const ACTIONS = 'beta/security/securityActions';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const GRAPH_TYPE =
  'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8';
const OURS = 'https://soc.example.com';
/** The id that a client gives its request, and the page that sends it. */
const MINE = { 'client-request-id': 'mine', origin: OURS };

interface Asked {
  method?: string;
  path?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

describe('every answer', () => {
  let system: System;
  let client: Client;
  let limited: Client;
  let completed: string;

  beforeAll(async () => {
    system = await System.start({ https: true, env: { CORS_ORIGINS: OURS } });
    trustAuthority(system.caFile);
    const { token } = await system.client();
    client = new Client(system.apis[0]!.httpsUrl, token);
    await system.startApi({ RATE_LIMIT_PER_MINUTE: '1' });
    limited = new Client(system.apis[1]!.httpsUrl, token);
    completed = await client.created(PUBLISHED_SAMPLE);
    await vi.waitFor(async () => {
      const { body } = await client.get(completed);
      if (body.completedDateTime === null) throw new Error(`${completed} is ${body.status}`);
    }, 30_000);
  });
  afterAll(() => system?.stop());

  const ask = <T = ErrorBody>(
    { method = 'GET', path = ACTIONS, body, headers }: Asked = {},
    by = client,
  ): Promise<Answer<T>> => by.request<T>(method, path, { body, headers: { ...MINE, ...headers } });
  const create = (body: unknown, headers = {}, by = client) =>
    ask({ method: 'POST', body, headers }, by);
  const item = (method: string, { suffix = '', headers = {} } = {}) =>
    ask({ method, path: `${ACTIONS}/${completed}${suffix}`, headers });
  const etag = async () => (await client.get(completed)).headers.get('etag')!;
  const nobody = () => new Client(client.url, '');
  const reader = async () =>
    new Client(client.url, await system.issuer.token({ roles: ['SecurityActions.Read.All'] }));
  const oneTooMany = async () => {
    await ask({}, limited);
    return ask({}, limited);
  };

  /** A request for each status. */
  const requests: [number, string, () => Promise<Answer<ErrorBody>>][] = [
    [200, 'a list', () => ask()],
    [200, 'an action', () => item('GET')],
    [201, 'a create', () => create(PUBLISHED_SAMPLE)],
    [204, 'return=minimal', () => create(PUBLISHED_SAMPLE, { prefer: 'return=minimal' })],
    [304, 'a known ETag', async () => item('GET', { headers: { 'if-none-match': await etag() } })],
    [400, 'a wrong body', () => create({})],
    [400, 'an unknown segment', () => item('GET', { suffix: '/nonsense' })],
    [401, 'no token', () => ask({}, nobody())],
    [403, 'a create by a reader', async () => create(PUBLISHED_SAMPLE, {}, await reader())],
    [404, 'a missing action', () => ask({ path: `${ACTIONS}/${randomUUID()}` })],
    [405, 'a wrong method', () => ask({ method: 'PUT' })],
    [409, 'a late cancel', () => item('POST', { suffix: '/cancelSecurityAction' })],
    [412, 'another version', () => item('DELETE', { headers: { 'if-match': 'W/"1"' } })],
    [413, 'a large body', () => create({ x: 'x'.repeat(70_000) })],
    [415, 'XML', () => create('<action/>', { 'content-type': 'application/xml' })],
    [429, 'one too many', oneTooMany],
  ];

  it.each(requests)('%i (%s) carries the headers of Graph', async (status, _, send) => {
    const { headers, ...answer } = await send();
    expect(answer.status).toBe(status);
    expect(Object.fromEntries(headers)).toMatchObject({
      'request-id': expect.stringMatching(UUID),
      'client-request-id': 'mine',
      'odata-version': '4.0',
      'cache-control': 'no-cache',
      'strict-transport-security': 'max-age=31536000',
      vary: 'Authorization, Prefer, Origin',
      'access-control-allow-origin': OURS,
      date: expect.any(String),
    });
    const isEmpty = status === 204 || status === 304;
    expect(headers.get('content-type')).toBe(isEmpty ? null : GRAPH_TYPE);
    expect(answer.body === undefined).toBe(isEmpty);
    for (const name of ['x-powered-by', 'server', 'set-cookie']) {
      expect(headers.get(name)).toBeNull();
    }
  });

  it.each(requests.filter(([status]) => status >= 400))(
    '%i (%s) is an error in the shape of Graph',
    async (_status, _what, send) => {
      const { headers, body } = await send();
      expect(Object.keys(body)).toEqual(['error']);
      const { code, message, target, details, innerError, ...rest } = body.error;
      expect(rest).toEqual({});
      expect(code).toMatch(/^[A-Za-z_]+$/);
      expect(message).toMatch(/.{10}/);
      expect(message).toContain(target ?? '');
      for (const detail of details ?? []) {
        expect(Object.keys(detail)).toEqual(expect.arrayContaining(['code', 'message']));
      }
      expect(innerError).toEqual({
        date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/),
        'request-id': headers.get('request-id'),
        'client-request-id': 'mine',
      });
    },
  );

  it('has a request id of ours where the client sends none, as Python and Kiota do', async () => {
    const [first, second] = [await client.list(), await client.list()];
    const id = first.headers.get('request-id');
    expect(first.headers.get('client-request-id')).toBe(id);
    expect(second.headers.get('request-id')).not.toBe(id);
  });

  it('lets a page of another origin read the headers that Graph exposes', async () => {
    const { headers } = await ask();
    const exposed = headers.get('access-control-expose-headers')!.split(', ');
    const graph = ['ETag', 'Location', 'Preference-Applied', 'Content-Range'];
    expect(exposed).toEqual(expect.arrayContaining([...graph, 'request-id', 'client-request-id']));
  });

  it('that is 201 has an absolute Location that leads to the action', async () => {
    const { headers, body } = await client.create(PUBLISHED_SAMPLE);
    const location = headers.get('location')!;
    expect(location).toBe(`${client.url}/${ACTIONS}/${body.id}`);
    expect((await ask<SecurityAction>({ path: location })).body.id).toBe(body.id);
  });

  it('that is 200 or 304 of an action has its ETag, in a list it stands in each action', async () => {
    const got = await client.get(completed);
    const tag = got.headers.get('etag');
    expect(tag).toMatch(/^W\/"\d+"$/);
    expect(got.body['@odata.etag']).toBe(tag);
    const again = await item('GET', { headers: { 'if-none-match': `"other", ${tag}` } });
    expect([again.status, again.headers.get('etag')]).toEqual([304, tag]);
    const { value } = (await client.list(`?$filter=id%20eq%20'${completed}'`)).body;
    expect(value.map((action) => action['@odata.etag'])).toEqual([tag]);
  });

  it('leaves out the body of a PATCH too when the client prefers that', async () => {
    const body = { status: 'Completed' };
    const path = `${ACTIONS}/${completed}`;
    const full = await ask({ method: 'PATCH', path, body });
    expect([full.status, full.headers.get('preference-applied')]).toEqual([200, null]);
    const headers = { prefer: 'return=minimal' };
    const minimal = await ask({ method: 'PATCH', path, body, headers });
    expect([minimal.status, minimal.body]).toEqual([204, undefined]);
    expect(minimal.headers.get('preference-applied')).toBe('return=minimal');
    expect(minimal.headers.get('etag')).toBe(full.headers.get('etag'));
  });

  it('is the same when unknown enum members are wanted: there are none', async () => {
    const headers = { prefer: 'include-unknown-enum-members, respond-async' };
    const answer = await item('GET', { headers });
    expect([answer.status, answer.headers.get('preference-applied')]).toEqual([200, null]);
    expect(answer.body).toEqual((await item('GET')).body);
  });

  it('that is 429 says in seconds when to try again', async () => {
    const { status, headers, body } = await oneTooMany();
    expect([status, body.error.code]).toEqual([429, 'TooManyRequests']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(60);
  });

  it('that is 400 for an unknown segment names it', async () => {
    for (const path of ['beta/security/securityAction', 'beta/subscriptions', 'beta/security']) {
      const { status, body } = await ask({ path });
      expect([status, body.error.code]).toEqual([400, 'BadRequest']);
      const segment = path.split('/').at(-1);
      expect(body.error.message).toBe(`Resource not found for the segment '${segment}'.`);
    }
  });

  it('to what Graph has not for actions either, delta and subscriptions, is an error', async () => {
    const refused = async (asked: Asked) => {
      const { status, body } = await ask(asked);
      return [status, body.error.code, body.error.target];
    };
    expect(await refused({ path: `${ACTIONS}/delta` })).toEqual([404, 'itemNotFound', undefined]);
    expect(await refused({ path: `${ACTIONS}?$deltatoken=latest` })).toEqual([
      400,
      'invalidRequest',
      '$deltatoken',
    ]);
    const subscribe = { method: 'POST', path: 'beta/subscriptions', body: { resource: ACTIONS } };
    expect(await refused(subscribe)).toEqual([400, 'BadRequest', undefined]);
  });

  it('that is 400 for a provider, an action or a parameter says what is known', async () => {
    const refusal = async (change: object) => {
      const { body } = await create({ ...PUBLISHED_SAMPLE, ...change });
      return body.error;
    };
    expect(
      await refusal({ vendorInformation: { vendor: 'Microsoft', provider: 'Defender' } }),
    ).toMatchObject({
      code: 'unknownProvider',
      message: expect.stringMatching(/^unknown provider 'Microsoft\/Defender'; .*known: .*Windows/),
    });
    expect(await refusal({ name: 'BlockIpp' })).toMatchObject({
      code: 'unknownAction',
      message: expect.stringMatching(/did you mean 'BlockIp'\? known: BlockIp, UnblockIp/),
    });
    const parameters = [{ name: 'Ip4', value: '1.2.3.4' }];
    expect(await refusal({ parameters })).toMatchObject({
      code: 'invalidRequest',
      target: 'parameters[0].name',
      message: expect.stringContaining('known: IP'),
    });
  });
});
