import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { HoldInForce } from '#domain/hold';
import { Client, type ErrorBody } from '../support/client.ts';
import { HOLDS, type HoldPage, operatorOf } from '../support/holds.ts';
import { System } from '../support/system.ts';

const ROOT_TENANT = 'tenant-root';
const WAIT = { timeout: 20_000, interval: 20 };

describe('the routes of holds', () => {
  let system: System;
  /** Of every tenant. */
  let root: Client;
  let operator: Client;
  let neighbour: Client;

  beforeAll(async () => {
    system = await System.start({
      workers: 0,
      env: {
        OPERATOR_TENANTS: `somebody, ${ROOT_TENANT}`,
        PAGE_SIZE_MAX: '50',
        PAGE_SIZE_DEFAULT: '50',
      },
    });
    root = await operatorOf(system, ROOT_TENANT);
    operator = await operatorOf(system, 'tenant-a', { user: 'olga@example.com' });
    neighbour = await operatorOf(system, 'tenant-b');
  });
  afterAll(() => system?.stop());

  const post = <T = HoldInForce>(client: Client, body: unknown, path = HOLDS) =>
    client.request<T>('POST', path, { body });
  const get = <T = HoldInForce>(client: Client, id: string) =>
    client.request<T>('GET', `${HOLDS}/${id}`);
  const release = <T = HoldInForce>(client: Client, id: string) =>
    client.request<T>('POST', `${HOLDS}/${id}/release`);
  const list = (client: Client, query = '') => client.request<HoldPage>('GET', `${HOLDS}${query}`);
  const error = async (answer: Promise<{ status: number; body: ErrorBody }>) => {
    const { status, body } = await answer;
    const { code, target, message } = body.error;
    return { status, code, ...(target && { target }), message };
  };

  it('answer 201 with the hold, where it is, and who set it', async () => {
    const { status, headers, body } = await post(operator, {
      vendor: 'MICROSOFT',
      provider: 'windowsdefenderatp',
      name: 'blockip',
      reason: 'wrong addresses',
    });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`${operator.url}/${HOLDS}/${body.id}`);
    expect(body).toEqual({
      id: expect.any(String),
      azureTenantId: 'tenant-a',
      vendor: 'Microsoft',
      provider: 'Windows Defender ATP',
      name: 'BlockIp',
      reason: 'wrong addresses',
      createdDateTime: expect.stringMatching(/Z$/),
      createdBy: { azureTenantId: 'tenant-a', appId: 'app-1', user: 'olga@example.com' },
      releasedDateTime: null,
      releasedBy: null,
      heldCount: 0,
      inFlightCount: 0,
      inFlight: [],
    });
    expect((await get(operator, body.id)).body).toEqual(body);
    const keyed = await operator.request('GET', `/security/securityActionHolds('${body.id}')`);
    expect(keyed.body).toEqual(body);
  });

  it('answer 200 to a release, and to the same one again with what the first one did', async () => {
    const { id } = (await post(operator, {})).body;
    const released = await release(operator, id);
    expect(released.status).toBe(200);
    expect(released.body).toMatchObject({
      releasedDateTime: expect.stringMatching(/Z$/),
      releasedBy: { azureTenantId: 'tenant-a', appId: 'app-1', user: 'olga@example.com' },
    });
    expect(released.body).not.toHaveProperty('inFlight');
    expect(released.body).not.toHaveProperty('heldCount');
    const other = await operatorOf(system, 'tenant-a', { app: 'app-2' });
    expect(await release(other, id)).toMatchObject({ status: 200, body: released.body });
    expect((await get(operator, id)).body).toEqual(released.body);
  });

  it('answer 400 to a scope that would hold nothing, or to anything that is no scope', async () => {
    const refusals: [unknown, object][] = [
      [undefined, { code: 'invalidRequest' }],
      [[], { code: 'invalidRequest' }],
      [{ nmae: 'BlockIp' }, { code: 'invalidRequest', target: 'nmae' }],
      [{ name: '' }, { code: 'invalidRequest', target: 'name' }],
      [{ reason: 'x'.repeat(1001) }, { code: 'invalidRequest', target: 'reason' }],
      [{ reason: '\u0000' }, { code: 'invalidRequest', target: 'reason' }],
      [{ vendor: 'Microsoft' }, { code: 'invalidRequest', target: 'provider' }],
      [{ provider: 'Defender' }, { code: 'unknownProvider', target: 'provider' }],
      [
        { vendor: 'Acme', provider: 'Simulator' },
        { code: 'unknownProvider', target: 'provider' },
      ],
      [
        { provider: 'Simulator', name: 'BlockIp' },
        { code: 'unknownAction', target: 'name' },
      ],
      [
        { name: 'BlokIp' },
        { code: 'unknownAction', message: expect.stringContaining("'BlockIp'") },
      ],
    ];
    for (const [body, expected] of refusals) {
      expect(await error(post<ErrorBody>(operator, body))).toMatchObject({
        status: 400,
        ...expected,
      });
    }
  });

  it('answer 401 without a token, and 403 without the role, which no other role grants', async () => {
    const { id } = (await post(operator, {})).body;
    const writer = await system.client();
    const callers: [Client, number][] = [
      [new Client(operator.url, ''), 401],
      [await system.client({ roles: ['SecurityActions.Read.All'] }), 403],
      [writer, 403],
    ];
    for (const [client, expected] of callers) {
      const answers = [post(client, {}), get(client, id), list(client), release(client, id)];
      expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(
        answers.map(() => expected),
      );
    }
    expect((await operator.list()).status).toBe(403);
    expect((await operator.create({})).status).toBe(403);
    expect((await get(operator, id)).body.releasedDateTime).toBeNull();
  });

  it("hide other tenants' holds, and those of every tenant, from a tenant's operator: the same 404", async () => {
    const foreign = (await post(neighbour, {})).body;
    const all = (await post(root, {})).body;
    expect(all.azureTenantId).toBeNull();
    const mask = (body: ErrorBody) => ({ ...body.error, innerError: {} });
    const absent = await get<ErrorBody>(operator, randomUUID());
    expect(absent.status).toBe(404);
    for (const id of [foreign.id, all.id, 'no-id']) {
      for (const answer of [
        await get<ErrorBody>(operator, id),
        await release<ErrorBody>(operator, id),
      ]) {
        expect(answer.status).toBe(404);
        expect(mask(answer.body)).toEqual(mask(absent.body));
      }
    }
    const ids = (await list(operator)).body.value.map(({ id }) => id);
    expect(ids).not.toContain(foreign.id);
    expect(ids).not.toContain(all.id);
    expect((await get(root, foreign.id)).body.releasedDateTime).toBeNull();
    const seen = (await list(root)).body.value.map(({ id }) => id);
    expect(seen).toEqual(expect.arrayContaining([foreign.id, all.id]));
    for (const id of [foreign.id, all.id]) expect((await release(root, id)).status).toBe(200);
  });

  it('let a tenant hold itself only, and an operator of every tenant any', async () => {
    for (const azureTenantId of ['tenant-a', 'TENANT-A']) {
      const { status, body } = await post(operator, { azureTenantId });
      expect({ status, azureTenantId: body.azureTenantId }).toEqual({
        status: 201,
        azureTenantId: 'tenant-a',
      });
    }
    expect(await error(post<ErrorBody>(operator, { azureTenantId: 'tenant-b' }))).toMatchObject({
      status: 403,
      code: 'Authorization_RequestDenied',
      target: 'azureTenantId',
    });
    const { status, body } = await post(root, { azureTenantId: 'tenant-b' });
    expect({ status, azureTenantId: body.azureTenantId }).toEqual({
      status: 201,
      azureTenantId: 'tenant-b',
    });
  });

  it('let nobody below release what an operator of every tenant has set', async () => {
    const { id } = (await post(root, { azureTenantId: 'tenant-a', reason: 'token stolen' })).body;
    expect((await get(operator, id)).body.reason).toBe('token stolen');
    expect(await error(release<ErrorBody>(operator, id))).toMatchObject({
      status: 403,
      code: 'Authorization_RequestDenied',
    });
    expect((await get(operator, id)).body.releasedDateTime).toBeNull();
    expect((await release(root, id)).body.releasedBy?.azureTenantId).toBe(ROOT_TENANT);
  });

  it('list what stands and what stood, newest first, page by page', async () => {
    const client = await operatorOf(system, 'tenant-list');
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.unshift((await post(client, {})).body.id);
    await release(client, ids[3]!);
    const found: string[] = [];
    let page = await list(client, '?$top=2');
    while (true) {
      found.push(...page.body.value.map(({ id }) => id));
      const next: string | undefined = page.body['@odata.nextLink'];
      if (next === undefined) break;
      expect(next).toContain(`${client.url}/${HOLDS}?$top=2&$skiptoken=`);
      page = await client.request<HoldPage>('GET', next);
    }
    expect(found).toEqual(ids);
    const standing = await list(client, '?$filter=releasedDateTime eq null');
    expect(standing.body.value.map(({ id }) => id)).toEqual(ids.filter((id) => id !== ids[3]));
    const history = await list(client, '?$filter=releasedDateTime ne null');
    expect(history.body.value.map(({ id }) => id)).toEqual([ids[3]]);
    expect((await list(client, '?$top=0')).body).toEqual({ value: [] });
    for (const query of ['$filter=name eq null', '$skiptoken=x', '$top=x', '$orderby=id']) {
      expect((await list(client, `?${query}`)).status, query).toBe(400);
    }
  });

  it('answer 409 when a tenant has more holds than claims can look through', async () => {
    const client = await operatorOf(system, 'tenant-many');
    for (let n = 0; n < 100; n += 1) expect((await post(client, {})).status).toBe(201);
    expect(await error(post<ErrorBody>(client, {}))).toMatchObject({
      status: 409,
      code: 'conflict',
    });
  });

  it('answer 503 while a claim under way does not end, and stand after another try', async () => {
    const client = await operatorOf(system, 'tenant-hung');
    const hung = new pg.Client({ connectionString: system.databaseUrl });
    await hung.connect();
    try {
      await hung.query('BEGIN');
      await hung.query('SELECT FROM hold_guard FOR SHARE');
      const answer = await post<ErrorBody>(client, {});
      expect(answer.status).toBe(503);
      expect(answer.body.error.code).toBe('serviceNotAvailable');
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await list(client)).body.value).toEqual([]);
    } finally {
      await hung.end();
    }
    expect((await post(client, {})).status).toBe(201);
  });

  describe('tell how many actions wait:', () => {
    const work = (tenant: string) =>
      system.query(
        `INSERT INTO security_action_work ("azureTenantId", "actionId", "position", "providerKey", "ready", "dueDateTime")
         SELECT $1, gen_random_uuid(), n, 'SecurityActions/Simulator', true, now() FROM generate_series(1, 3) n`,
        [tenant],
      );

    it('when they are set, and now', async () => {
      await work('tenant-held');
      const { body } = await post(root, { azureTenantId: 'TENANT-HELD', provider: 'simulator' });
      expect(body.heldCount).toBe(3);
      await work('tenant-held');
      expect((await get(root, body.id)).body.heldCount).toBe(6);
      await release(root, body.id);
    });

    it('null if that takes too long, and stand all the same', async () => {
      const client = await operatorOf(system, 'tenant-slow');
      await work('tenant-slow');
      // Only what waits is slow to read: what is in flight is found by other conditions.
      await system.query('ALTER TABLE security_action_work RENAME TO fast_work');
      await system.query(`CREATE VIEW security_action_work AS
        SELECT * FROM fast_work WHERE "leaseOwner" IS NOT NULL OR pg_sleep(60) IS NULL`);
      try {
        const { status, body } = await post(client, {});
        expect(status).toBe(201);
        expect(body).toMatchObject({ heldCount: null, inFlightCount: 0 });
        expect((await list(client)).body.value.map(({ id }) => id)).toEqual([body.id]);
        expect((await get(client, body.id)).body).toEqual(body);
      } finally {
        await system.query('DROP VIEW security_action_work');
        await system.query('ALTER TABLE fast_work RENAME TO security_action_work');
      }
    });
  });

  it('do not count for the limit of requests', async () => {
    await system.startApi({ RATE_LIMIT_PER_MINUTE: '1' });
    const roles = ['SecurityActions.Read.All', 'SecurityActions.Operate.All'];
    const client = await system.client({ tenant: 'tenant-limited', roles }, 1);
    expect((await client.list()).status).toBe(200);
    expect((await client.list()).status).toBe(429);
    const made = await post(client, {});
    expect(made.status).toBe(201);
    const answers = [await get(client, made.body.id), await release(client, made.body.id)];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect((await list(client)).status).toBe(200);
  });

  it('do not wait for a connection behind lists', async () => {
    const busy = { DATABASE_POOL_SIZE: '1', DATABASE_STATEMENT_TIMEOUT_MS: '30000' };
    const api = system.apis.length;
    await system.startApi(busy);
    const roles = ['SecurityActions.Read.All', 'SecurityActions.Operate.All'];
    const client = await system.client({ tenant: 'tenant-busy', roles }, api);
    const blocker = new pg.Client({ connectionString: system.databaseUrl });
    await blocker.connect();
    try {
      await blocker.query('BEGIN');
      // A list reads it, a hold does not.
      await blocker.query('LOCK TABLE security_action_event');
      const slow = client.list();
      await vi.waitFor(async () => {
        const waiting = await system.query(
          `SELECT FROM pg_locks WHERE NOT granted AND relation = 'security_action_event'::regclass`,
        );
        expect(waiting).toHaveLength(1);
      }, WAIT);
      expect((await client.list()).status).toBe(503);
      const made = await post(client, {});
      expect(made.status).toBe(201);
      expect((await release(client, made.body.id)).status).toBe(200);
      await blocker.query('ROLLBACK');
      expect((await slow).status).toBe(200);
    } finally {
      await blocker.end();
    }
  });

  it('answer 405, 413 and 415 as every route does', async () => {
    expect((await operator.request('DELETE', `${HOLDS}/${randomUUID()}`)).status).toBe(405);
    const large = JSON.stringify({ reason: 'x'.repeat(70_000) });
    expect((await post(operator, large)).status).toBe(413);
    const headers = { 'content-type': 'text/plain' };
    const answer = await operator.request('POST', HOLDS, { body: '{}', headers });
    expect(answer.status).toBe(415);
  });

  it('are part of a batch for who may send one', async () => {
    const roles = ['SecurityActions.Read.All', 'SecurityActions.Operate.All'];
    const client = await system.client({ tenant: 'tenant-batch', roles });
    const requests = [
      {
        id: '1',
        method: 'POST',
        url: '/security/securityActionHolds',
        body: {},
        headers: JSON_HEADERS,
      },
    ];
    const answer = await client.request<{ responses: { status: number }[] }>(
      'POST',
      '/v1.0/$batch',
      {
        body: { requests },
      },
    );
    expect(answer.body.responses.map(({ status }) => status)).toEqual([201]);
  });
});

const JSON_HEADERS = { 'content-type': 'application/json' };
