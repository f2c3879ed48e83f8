import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import { Client, type ErrorBody, PUBLISHED_SAMPLE, simulate } from '../support/client.ts';
import { type OpenApi, operationsOf } from '../support/openapi.ts';
import { System } from '../support/system.ts';

const READ = 'SecurityActions.Read.All';
const WRITE = 'SecurityActions.ReadWrite.All';
const ACTIONS = 'security/securityActions';
const REPORT = { body: { status: 'Completed' } };

describe('the methods of securityActions', () => {
  let system: System;
  let client: Client;
  let document: OpenApi;

  beforeAll(async () => {
    system = await System.start();
    client = await system.client();
    document = (await client.request<OpenApi>('GET', '/openapi.json')).body;
  });
  afterAll(() => system?.stop());

  const ended = async () => {
    const id = await client.created(PUBLISHED_SAMPLE);
    await vi.waitFor(
      async () => expect((await client.get(id)).body.status).toBe('Completed'),
      30_000,
    );
    return id;
  };
  /** An action whose provider does not answer, and one that waits behind it. */
  const waiting = async () => {
    const target = randomUUID();
    const ahead = await client.created(simulate({ outcome: 'Stall', target }, 'Strict Simulator'));
    return { ahead, id: await client.created(simulate({ target }, 'Strict Simulator')) };
  };
  const request = <T>(method: string, path: string, body?: unknown) =>
    client.request<T>(method, path, body === undefined ? {} : { body });

  describe.each(['', '/beta', '/v1.0'])('under the base "%s"', (base) => {
    const path = `${base}/${ACTIONS}`;

    it('List: GET answers 200 and the actions in value', async () => {
      const { status, body } = await request<{ value: object[] }>('GET', path);
      expect([status, Object.keys(body)]).toEqual([200, ['@odata.context', 'value']]);
      expect(body).toMatchObject({
        '@odata.context': `${client.url}${base}/$metadata#security/securityActions`,
      });
    });

    it('Create: POST answers 201 and the action', async () => {
      const { status, body } = await request<SecurityAction>('POST', path, PUBLISHED_SAMPLE);
      expect([status, body]).toMatchObject([201, PUBLISHED_SAMPLE]);
    });

    it('Get: GET answers 200 and the action, by its id as a segment and in brackets', async () => {
      const id = await client.created(PUBLISHED_SAMPLE);
      for (const address of [`/${id}`, `('${id}')`, `(%27${id}%27)`, `/${id.toUpperCase()}/`]) {
        const { status, body } = await request<SecurityAction>('GET', path + address);
        expect([status, body.id]).toEqual([200, id]);
        expect(body).toMatchObject({
          '@odata.context': `${client.url}${base}/$metadata#security/securityActions/$entity`,
        });
      }
    });

    it.each([
      ['Cancel', '/', ''],
      ['Cancel, qualified', '/', 'microsoft.graph.'],
      ['Cancel of a key in brackets', "('", 'microsoft.graph.'],
    ])('%s: POST answers 200 and nothing, and has cancelled', async (_, key, namespace) => {
      const { ahead, id } = await waiting();
      const item = key === '/' ? `/${id}` : `('${id}')`;
      const answer = await request('POST', `${path}${item}/${namespace}cancelSecurityAction`);
      expect([answer.status, answer.body]).toEqual([200, undefined]);
      expect(answer.headers.get('content-type')).toBeNull();
      expect(answer.headers.get('content-length')).toBe('0');
      expect((await client.get(id)).body).toMatchObject({
        status: 'Failed',
        errorInfo: { code: 1 },
      });
      await client.request('PATCH', `beta/${ACTIONS}/${ahead}`, REPORT);
    });

    it('Count: GET of $count answers 200 and a number as text', async () => {
      const { status, headers, body } = await request<string>('GET', `${path}/$count`);
      expect([status, headers.get('content-type')]).toEqual([200, 'text/plain']);
      expect(body).toMatch(/^\d+$/);
    });

    it('Update: PATCH answers 200 and the action as it is now', async () => {
      const { ahead, id } = await waiting();
      const { status, body } = await client.request<SecurityAction>(
        'PATCH',
        `${path}/${id}`,
        REPORT,
      );
      expect([status, body]).toMatchObject([200, { id, status: 'Completed' }]);
      expect(body).toEqual({
        ...(await client.get(id)).body,
        '@odata.context': expect.any(String),
      });
      await client.request('PATCH', `${path}('${ahead}')`, REPORT);
    });

    it('Delete: DELETE answers 204 and nothing, and the action is gone', async () => {
      const id = await ended();
      const { status, body } = await request('DELETE', `${path}/${id}`);
      expect([status, body]).toEqual([204, undefined]);
      expect((await client.get(id)).status).toBe(404);
    });

    it('Metadata and batch: GET of $metadata and POST of $batch answer 200', async () => {
      expect((await request('GET', `${base}/$metadata`)).status).toBe(200);
      const requests = [{ id: '1', method: 'GET', url: ACTIONS }];
      const batch = await request<{ responses: object[] }>('POST', `${base}/$batch`, { requests });
      expect([batch.status, batch.body.responses]).toMatchObject([200, [{ id: '1', status: 200 }]]);
    });
  });

  describe('permissions', () => {
    const missing = `beta/${ACTIONS}/00000000-0000-4000-8000-000000000000`;
    const methods: [string, string, string, unknown, 'read' | 'write', number][] = [
      ['List', 'GET', `beta/${ACTIONS}`, undefined, 'read', 200],
      ['Count', 'GET', `beta/${ACTIONS}/$count`, undefined, 'read', 200],
      ['Get', 'GET', missing, undefined, 'read', 404],
      ['History', 'GET', `${missing}/history`, undefined, 'read', 404],
      ['Providers', 'GET', 'beta/security/securityActionProviders', undefined, 'read', 200],
      ['Create', 'POST', `beta/${ACTIONS}`, PUBLISHED_SAMPLE, 'write', 201],
      ['Validate', 'POST', `beta/${ACTIONS}/validate`, PUBLISHED_SAMPLE, 'write', 200],
      ['Cancel', 'POST', `${missing}/cancelSecurityAction`, undefined, 'write', 404],
      ['Update', 'PATCH', missing, REPORT.body, 'write', 404],
      ['Delete', 'DELETE', missing, undefined, 'write', 404],
    ];

    it.each(methods)(
      '%s (%s %s) is granted as Graph documents it, to applications and persons',
      async (_, method, path, body, role, allowed) => {
        const status = async (token: Parameters<System['client']>[0]) => {
          const caller = await system.client(token);
          const answer = await caller.request(method, path, body === undefined ? {} : { body });
          return answer.status;
        };
        const user = 'ann@example.com';
        const reading = role === 'read' ? allowed : 403;
        expect(await status({ roles: [READ] })).toBe(reading);
        expect(await status({ roles: [READ], user })).toBe(reading);
        expect(await status({ roles: [WRITE] })).toBe(allowed);
        expect(await status({ roles: [WRITE], user })).toBe(allowed);
        expect(await status({ roles: ['SecurityEvents.ReadWrite.All'] })).toBe(403);
      },
    );
  });

  it('are 401 without a token, each with WWW-Authenticate and an error', async () => {
    const nobody = new Client(client.url, '');
    const closed = operationsOf(document).filter(({ operation }) => operation.security.length > 0);
    expect(closed.length).toBeGreaterThan(10);
    for (const { method, url } of closed) {
      const answer = await nobody.request(method, url.replaceAll(/\{\w+\}/g, 'x'));
      expect([method, url, answer.status]).toEqual([method, url, 401]);
      expect(answer.headers.get('www-authenticate')).toMatch(
        /^Bearer realm="", authorization_uri="/,
      );
      expect(answer.body.error.code).toBe('InvalidAuthenticationToken');
    }
  });

  it('are 405 with Allow where a path has another method, on every path', async () => {
    const methodsOf = Map.groupBy(operationsOf(document), ({ url }) => url);
    for (const [url, operations] of methodsOf) {
      const own = operations.map(({ method }) => method.toUpperCase());
      const allowed = [...own, ...(own.includes('GET') ? ['HEAD'] : [])].toSorted();
      const path = url.replaceAll(/\{\w+\}/g, 'x');
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        if (allowed.includes(method)) continue;
        const answer = await client.request<ErrorBody>(method, path);
        expect([method, path, answer.status]).toEqual([method, path, 405]);
        expect(answer.headers.get('allow')).toBe(allowed.join(', '));
        expect(answer.body.error.code).toBe('Request_BadRequest');
      }
    }
  });
});
