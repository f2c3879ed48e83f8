import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Client, simulate } from '../support/client.ts';
import { deadLetters } from '../support/letters-by-origin.ts';
import { drained } from '../support/drained.ts';
import { produce } from '../support/produce.ts';
import { type TopicMessage, readTopic } from '../support/read-topic.ts';
import { System } from '../support/system.ts';

const REPORTED = `
  - vendor: Acme
    provider: Reported
    type: simulated
    reporters: [{ tenant: tenant-vendor, app: app-vendor }]
    allowUnknownActions: true
`;

interface HistoryEntry {
  type: string;
  appId: string | null;
  attemptId: string | null;
}

describe('reports on Kafka', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    const file = join(tmpdir(), `providers-${randomUUID()}.yaml`);
    writeFileSync(file, readFileSync('config/providers.yaml', 'utf8') + REPORTED);
    system = await System.start({ env: { PROVIDERS_FILE: file, SHUTDOWN_GRACE_MS: '2000' } });
    client = await system.client();
  });
  afterAll(() => system?.stop());

  const message = (id: string, body: unknown, token = client.token, headers = {}) => ({
    key: id,
    value: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers },
  });
  const send = async (...messages: ReturnType<typeof message>[]) => {
    await produce(system, 'reports', messages);
    await drained(system, 'reports');
  };
  const report = (id: string, body: object, token?: string) =>
    send(message(id, { id, ...body }, token));
  const shown = async (id: string) => (await client.get(id)).body;
  const history = async (id: string) => {
    const path = `beta/security/securityActions/${id}/history`;
    return (await client.request<{ value: HistoryEntry[] }>('GET', path)).body.value;
  };
  const types = async (id: string) => (await history(id)).map(({ type }) => type);
  const letters = (enough: (own: TopicMessage[]) => boolean, key?: string) =>
    readTopic(system, 'dead-letters', (all) =>
      enough(all.filter((letter) => key === undefined || letter.key === key)),
    );
  const reaches = (id: string, status: string) =>
    vi.waitFor(async () => expect((await shown(id)).status).toBe(status), {
      timeout: 30_000,
      interval: 50,
    });

  /** An action whose provider has been called and does not answer. */
  const running = async () => {
    const id = await client.created(simulate({ outcome: 'Stall' }, 'Strict Simulator'));
    await reaches(id, 'Running');
    return id;
  };
  const completed = async () => {
    const id = await client.created(simulate());
    await reaches(id, 'Completed');
    return id;
  };

  it('ends a running action, and names who said so', async () => {
    const id = await running();
    await report(id.toUpperCase(), { status: 'completed' });
    expect(await shown(id)).toMatchObject({ status: 'Completed', errorInfo: null });
    expect(await history(id)).toMatchObject([{}, {}, { type: 'completed', appId: 'app-1' }]);
  });

  it('keeps what went wrong', async () => {
    const id = await running();
    const errorInfo = { code: 42, message: 'no such host', subcode: 404 };
    await report(id, { status: 'Failed', errorInfo });
    expect(await shown(id)).toMatchObject({ status: 'Failed', errorInfo });
  });

  it('keeps the order of the reports about one action', async () => {
    const id = await running();
    const errorInfo = { code: 7001, message: 'second thoughts' };
    await send(
      message(id, { id, status: 'Running' }),
      message(id, { id, status: 'Completed' }),
      message(id, { id, status: 'Failed', errorInfo }),
    );
    expect(await shown(id)).toMatchObject({ status: 'Completed' });
    expect(await types(id)).toEqual(['created', 'started', 'completed', 'lateReport']);
  });

  it('makes nothing of a repeated end, and keeps another one in the history, once', async () => {
    const id = await completed();
    const late = message(id, { id, status: 'Failed', errorInfo: { code: 7, message: 'no' } });
    await send(message(id, { id, status: 'Completed' }), late, late);
    await send(late, message(id, { id, status: 'Running' }));
    expect(await shown(id)).toMatchObject({ status: 'Completed', errorInfo: null });
    expect(await types(id)).toEqual(['created', 'started', 'completed', 'lateReport']);
  });

  it('keeps the failure of an attempt that was given up in the history alone', async () => {
    const id = await running();
    const attemptId = randomUUID();
    await report(id, { status: 'Failed', attemptId });
    expect((await shown(id)).status).toBe('Running');
    expect((await history(id)).at(-1)).toMatchObject({ type: 'lateReport', attemptId });
    await report(id, { status: 'Completed', attemptId });
    expect((await shown(id)).status).toBe('Completed');
  });

  it('shows the truth beside an unknown outcome, once', async () => {
    const id = await client.created(simulate({ outcome: 'Unknown' }, 'Strict Simulator'));
    await reaches(id, 'Failed');
    const truth = message(id, { id, status: 'Completed' });
    await send(truth, truth);
    expect(await shown(id)).toMatchObject({
      status: 'Failed',
      errorInfo: { code: 3 },
      reportedAfterwards: { status: 'Completed', appId: 'app-1' },
    });
    expect((await types(id)).slice(-2)).toEqual(['failed', 'reportedAfterwards']);
  });

  it('is for the listed reporters alone where a provider lists them', async () => {
    const id = await client.created({
      name: 'Act',
      parameters: [],
      vendorInformation: { vendor: 'Acme', provider: 'Reported' },
    });
    await reaches(id, 'Completed');
    const vendor = await system.issuer.token({ tenant: 'tenant-vendor', app: 'app-vendor' });
    const colleague = await system.issuer.token({ tenant: 'tenant-vendor', app: 'app-other' });
    const failed = { id, azureTenantId: 'tenant-a', status: 'Failed' };
    await send(message(id, failed, client.token), message(id, failed, colleague));
    expect(await types(id)).toEqual(['created', 'started', 'completed']);
    const own = await letters((all) => all.length >= 2, id);
    const codes = own.filter(({ key }) => key === id).map(({ headers }) => headers['x-error-code']);
    expect(new Set(codes)).toEqual(new Set(['Authorization_RequestDenied', 'itemNotFound']));
    await send(message(id, failed, vendor));
    expect((await history(id)).at(-1)).toMatchObject({ type: 'lateReport', appId: 'app-vendor' });
  });

  it('puts what cannot be used into the dead letters, each with its cause, and goes on', async () => {
    const mine = await running();
    const ok = { id: mine, status: 'Completed' };
    const stranger = await system.issuer.token({ tenant: 'tenant-b' });
    const reader = await system.issuer.token({ roles: ['SecurityActions.Read.All'] });
    const expired = await system.issuer.token({ expiresInSeconds: -60 });
    const unknown = { id: randomUUID(), status: 'Completed' };
    const poison: Record<string, ReturnType<typeof message>> = {
      'no token': message('', ok, ''),
      'not a token': message('', ok, 'garbage'),
      expired: message('', ok, expired),
      'may only read': message('', ok, reader),
      'not JSON': message('', '{"id":'),
      empty: message('', ''),
      'no object': message('', [ok]),
      'no status': message('', { id: mine }),
      'no status of ours': message('', { id: mine, status: 'Done' }),
      'no id': message('', { status: 'Completed' }),
      'id is none': message('', { ...ok, id: 'x' }),
      'tenant is none': message('', { ...ok, azureTenantId: 'tenant-a\u0000' }),
      'too large': message('', { ...ok, errorInfo: { code: 1, message: 'x'.repeat(70_000) } }),
      unknown: message('', unknown),
      "another tenant's": message('', { ...ok, azureTenantId: 'tenant-a' }, stranger),
      "another's by guess": message('', ok, stranger),
    };
    const named = Object.entries(poison).map(([key, sent]) => ({ ...sent, key }));
    const tombstone = { key: 'tombstone', value: null, headers: named[0]!.headers };
    const forged = { 'x-error-code': 'forged', 'x-caller': '{"tenantId":"tenant-a"}', kept: 'yes' };
    await produce(system, 'reports', [
      ...named.map((sent) => ({ ...sent, headers: { ...sent.headers, ...forged } })),
      tombstone,
      message(mine, ok),
    ]);
    await drained(system, 'reports');
    expect((await shown(mine)).status).toBe('Completed');

    const keys = [...named.map(({ key }) => key), 'tombstone'];
    const all = await letters((some) => keys.every((key) => some.some((one) => one.key === key)));
    const byKey = new Map(all.map((one) => [one.key!, one]));
    const codes = Object.fromEntries(
      keys.map((key) => [key, byKey.get(key)!.headers['x-error-code']]),
    );
    expect(codes).toEqual({
      'no token': 'InvalidAuthenticationToken',
      'not a token': 'InvalidAuthenticationToken',
      expired: 'InvalidAuthenticationToken',
      'may only read': 'Authorization_RequestDenied',
      'not JSON': 'invalidRequest',
      empty: 'invalidRequest',
      'no object': 'invalidRequest',
      'no status': 'invalidRequest',
      'no status of ours': 'invalidRequest',
      'no id': 'invalidRequest',
      'id is none': 'invalidRequest',
      'tenant is none': 'invalidRequest',
      'too large': 'requestEntityTooLarge',
      unknown: 'itemNotFound',
      "another tenant's": 'itemNotFound',
      "another's by guess": 'itemNotFound',
      tombstone: 'InvalidAuthenticationToken',
    });
    const others = byKey.get("another tenant's")!;
    expect(others.headers['x-error-message']).toBe(
      byKey.get('unknown')!.headers['x-error-message'],
    );
    expect(JSON.parse(others.headers['x-caller']!)).toMatchObject({ tenantId: 'tenant-b' });
    expect(byKey.get('expired')!.headers).not.toHaveProperty('x-caller');
    for (const { key, value, headers } of named) {
      const one = byKey.get(key)!;
      expect(one.value).toBe(value);
      expect(one.headers['kept']).toBe('yes');
      expect(one.headers['authorization']).toBe(headers.authorization);
    }
    const logs = system.workers.map((worker) => worker.log()).join('');
    for (const token of [client.token, stranger, reader, expired])
      expect(logs).not.toContain(token);
  });

  it('takes a token that was valid when its message was appended, and waits for an action that is on its way', async () => {
    const before = await running();
    await Promise.all(system.workers.map((worker) => worker.stop()));
    const toleratedMs = 30_000;
    // Valid for some seconds more, thanks to the tolerance for clocks.
    const expiresAtMs = Date.now() - 22_000;
    const token = await system.issuer.token({ expiresInSeconds: -22 });
    const fresh = await client.created(simulate({ outcome: 'Stall' }, 'Strict Simulator'));
    await produce(system, 'reports', [
      message(before, { id: before, status: 'Completed' }, token),
      message(fresh, { id: fresh, status: 'Completed' }, token),
    ]);
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(expiresAtMs + toleratedMs), {
      timeout: 20_000,
      interval: 100,
    });
    const late = await client.request('PATCH', `beta/security/securityActions/${before}`, {
      body: { status: 'Completed' },
      headers: { authorization: `Bearer ${token}` },
    });
    expect(late.status).toBe(401);
    await system.startWorker();
    await drained(system, 'reports');
    // The first had been settled as unknown by the stop of its worker.
    expect((await shown(before)).reportedAfterwards).toMatchObject({ status: 'Completed' });
    expect(await shown(fresh)).toMatchObject({ status: 'Completed', errorInfo: null });
  });

  it('takes a thousand reports of all kinds, exactly', async () => {
    const stalled = simulate({ outcome: 'Stall' }, 'Strict Simulator');
    const ids = await Promise.all(Array.from({ length: 100 }, () => client.created(stalled)));
    const origins = new Set((await deadLetters(system)).keys());
    const sent = ids.flatMap((id, index) => {
      const end = index % 2 === 0 ? 'Completed' : 'Failed';
      return [
        message(id, { id, status: 'Running' }),
        message(id, 'not json'),
        message(id, { id, status: end }),
        message(id, { id: randomUUID(), status: end }),
        message(id, { id, status: end }),
        message(id, { id, status: 'Running' }),
        message(id, { id, status: end }, 'garbage'),
        message(id, { id, status: end, azureTenantId: 'tenant-b' }),
        message(id, { id, status: end === 'Failed' ? 'Completed' : 'Failed' }),
        message(id, { id, status: end }),
      ];
    });
    expect(sent).toHaveLength(1000);
    await send(...sent);
    const ends = await Promise.all(ids.map(async (id) => (await shown(id)).status));
    expect(ends).toEqual(ids.map((_, index) => (index % 2 === 0 ? 'Completed' : 'Failed')));
    const stories = await Promise.all(ids.map((id) => types(id)));
    for (const story of stories) expect(story.slice(-1)).toEqual(['lateReport']);
    const counts: Record<string, number> = {};
    for (const [origin, { headers }] of await deadLetters(system)) {
      const code = headers['x-error-code']!;
      if (!origins.has(origin)) counts[code] = (counts[code] ?? 0) + 1;
    }
    expect(counts).toEqual({
      InvalidAuthenticationToken: 100,
      invalidRequest: 100,
      itemNotFound: 200,
    });
  });
});
