import { randomUUID } from 'node:crypto';
import {
  BatchRequestContent,
  BatchResponseContent,
  Client as GraphClient,
  type GraphError,
  type PageCollection,
  PageIterator,
} from '@microsoft/microsoft-graph-client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import { PUBLISHED_SAMPLE, simulate } from '../support/client.ts';
import { System } from '../support/system.ts';
import { trustAuthority } from '../support/trust.ts';
import { createMany, waitingAction } from './actions.ts';

const ACTIONS = '/security/securityActions';

describe('@microsoft/microsoft-graph-client over HTTPS', () => {
  let system: System;
  let graph: GraphClient;

  beforeAll(async () => {
    system = await System.start({ https: true });
    trustAuthority(system.caFile);
    graph = connect('tenant-a');
  });
  afterAll(() => system?.stop());

  const connect = (tenant: string, token?: string) =>
    GraphClient.initWithMiddleware({
      authProvider: {
        getAccessToken: async () => token ?? system.issuer.token({ tenant }),
      },
      baseUrl: `${system.apis[0]!.httpsUrl}/`,
      defaultVersion: 'beta',
      customHosts: new Set(['localhost']),
    });
  const create = async (body: object): Promise<SecurityAction> => graph.api(ACTIONS).post(body);
  const get = async (id: string): Promise<SecurityAction> => graph.api(`${ACTIONS}/${id}`).get();
  const reaches = (id: string, status: string) =>
    vi.waitFor(async () => expect((await get(id)).status).toBe(status), 30_000);
  const failure = (call: Promise<unknown>): Promise<GraphError> =>
    call.then(
      () => expect.fail('the call succeeded'),
      (error: GraphError) => error,
    );

  it("creates Microsoft's published sample, gets it, and sees it complete", async () => {
    const created = await create(PUBLISHED_SAMPLE);
    expect(created).toMatchObject({ ...PUBLISHED_SAMPLE, status: 'NotStarted' });
    expect(await get(created.id)).toMatchObject({ id: created.id, ...PUBLISHED_SAMPLE });
    await reaches(created.id, 'Completed');
  });

  it('gets only what it selects', async () => {
    const { id } = await create(PUBLISHED_SAMPLE);
    const selected = await graph.api(`${ACTIONS}/${id}`).select('id,name').get();
    expect(selected).toMatchObject({ id, name: 'BlockIp' });
    expect(Object.keys(selected as object).filter((name) => !name.startsWith('@'))).toEqual([
      'id',
      'name',
    ]);
  });

  describe('a list', () => {
    let many: GraphClient;
    let ids: string[];

    beforeAll(async () => {
      many = connect('tenant-many');
      ids = await createMany(await system.client({ tenant: 'tenant-many' }), 250);
    });

    it('of 250 actions is paged through by the PageIterator, which sees each once and then ends', async () => {
      const first = (await many.api(ACTIONS).get()) as PageCollection;
      const seen: string[] = [];
      const iterator = new PageIterator(many, first, ({ id }: SecurityAction) => {
        seen.push(id);
        return true;
      });
      await iterator.iterate();
      expect(iterator.isComplete()).toBe(true);
      expect(seen).toHaveLength(250);
      expect(new Set(seen)).toEqual(new Set(ids));
    });

    it('is filtered, ordered, selected, cut and counted at once, and keeps that on every page', async () => {
      const page = (await many
        .api(ACTIONS)
        .filter("startswith(clientContext,'n1') and name eq 'Simulate'")
        .orderby('clientContext desc')
        .select(['id', 'clientContext'])
        .top(40)
        .count(true)
        .get()) as PageCollection;
      // n1, n10 to n19, n100 to n199.
      expect(page['@odata.count']).toBe(111);
      expect(page.value).toHaveLength(40);
      const seen: SecurityAction[] = [];
      await new PageIterator(many, page, (action: SecurityAction) => {
        seen.push(action);
        return true;
      }).iterate();
      const contexts = seen.map(({ clientContext }) => clientContext);
      expect(contexts).toHaveLength(111);
      const newestFirst = contexts.map(String).toSorted((a, b) => (a < b ? 1 : -1));
      expect(contexts).toEqual(newestFirst);
      expect(Object.keys(seen.at(-1)!)).not.toContain('name');
    });

    it('is filtered by dates, whose offset it sends with a bare plus', async () => {
      const filter = (date: string) => many.api(ACTIONS).filter(`createdDateTime ge ${date}`);
      const past = (await filter('2019-01-10T12:23:23+00:00').top(1).get()) as PageCollection;
      expect(past.value).toHaveLength(1);
      const future = (await filter('2119-01-10T12:23:23Z').get()) as PageCollection;
      expect(future.value).toEqual([]);
    });

    it('is counted as text', async () => {
      expect(String(await many.api(`${ACTIONS}/$count`).get())).toBe('250');
    });

    it('goes on after those that it skips', async () => {
      const all = (await many.api(ACTIONS).top(10).get()) as PageCollection;
      const rest = (await many.api(ACTIONS).skip(4).top(6).get()) as PageCollection;
      expect(rest.value).toEqual(all.value.slice(4));
    });
  });

  it.each([
    ['.post()', 'cancelSecurityAction', undefined],
    ['.post(null)', 'cancelSecurityAction', null],
    ['.post({})', 'cancelSecurityAction', {}],
    ['.post() by its qualified name', 'microsoft.graph.cancelSecurityAction', undefined],
  ])('cancels with %s', async (_, action, body) => {
    const { id, release } = await waitingAction(await system.client());
    await graph.api(`${ACTIONS}/${id}/${action}`).post(body);
    expect(await get(id)).toMatchObject({ status: 'Failed', errorInfo: { code: 1 } });
    await release();
  });

  it('reports with PATCH, as a provider does', async () => {
    const { id } = await create(simulate({ outcome: 'Stall' }, 'Strict Simulator'));
    await reaches(id, 'Running');
    const errorInfo = { code: 42, message: 'no such host', subcode: 404 };
    const patched = await graph.api(`${ACTIONS}/${id}`).patch({ status: 'Failed', errorInfo });
    expect(patched).toMatchObject({ id, status: 'Failed', errorInfo });
  });

  it('deletes what has ended, only in the version it has seen', async () => {
    const { id } = await create(PUBLISHED_SAMPLE);
    await reaches(id, 'Completed');
    const stale = graph.api(`${ACTIONS}/${id}`).header('If-Match', 'W/"1"').delete();
    expect((await failure(stale)).statusCode).toBe(412);
    await graph.api(`${ACTIONS}/${id}`).delete();
    expect((await failure(get(id))).statusCode).toBe(404);
  });

  it('sends a batch, whose requests wait for each other, and reads each answer', async () => {
    const { id: waiting, release } = await waitingAction(await system.client());
    const base = `${system.apis[0]!.httpsUrl}/beta${ACTIONS}`;
    const batch = new BatchRequestContent([
      {
        id: '1',
        request: new Request(base, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify(PUBLISHED_SAMPLE),
        }),
      },
      {
        id: '2',
        request: new Request(`${base}/${waiting}/cancelSecurityAction`, { method: 'POST' }),
        dependsOn: ['1'],
      },
      { id: '3', request: new Request(`${base}/${waiting}`), dependsOn: ['2'] },
      { id: '4', request: new Request(`${base}/missing`, { method: 'DELETE' }), dependsOn: ['3'] },
      { id: '5', request: new Request(base), dependsOn: ['4'] },
    ]);
    const answer = await graph.api('/$batch').post(await batch.getContent());
    const responses = new BatchResponseContent(answer);
    const statuses = [...responses.getResponses()].map(([id, { status }]) => [id, status]);
    expect(Object.fromEntries(statuses)).toEqual({ 1: 201, 2: 200, 3: 200, 4: 404, 5: 424 });
    const json = <T>(id: string) => responses.getResponseById(id).json() as Promise<T>;
    const created = await json<SecurityAction>('1');
    expect(await get(created.id)).toMatchObject(PUBLISHED_SAMPLE);
    expect(await json('3')).toMatchObject({ status: 'Failed', errorInfo: { code: 1 } });
    expect(await json('4')).toMatchObject({ error: { code: 'itemNotFound' } });
    await release();
  });

  it.each([
    [
      'an unknown action',
      400,
      'unknownAction',
      () => create({ ...PUBLISHED_SAMPLE, name: 'Nope' }),
    ],
    ['a bad token', 401, 'InvalidAuthenticationToken', () => connect('', 'no').api(ACTIONS).get()],
    ['a missing action', 404, 'itemNotFound', () => get(randomUUID())],
    ['an unknown path', 400, 'BadRequest', () => graph.api('/security/securityAction').get()],
  ])('reads status, code, message and request id of %s', async (_, status, code, call) => {
    const error = await failure(call());
    expect(error).toMatchObject({ statusCode: status, code });
    expect(error.message.length).toBeGreaterThan(10);
    expect(error.requestId).toBe(error.headers?.get('request-id'));
    expect(error.requestId).toMatch(/^[0-9a-f-]{36}$/);
    // This client sends an id of its own, and finds it in the answer.
    const inner = JSON.parse(error.body as string).innerError;
    expect(inner['client-request-id']).toBe(error.headers?.get('client-request-id'));
    expect(inner['client-request-id']).not.toBe(error.requestId);
  });
});
