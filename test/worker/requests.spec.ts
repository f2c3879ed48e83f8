import { randomUUID } from 'node:crypto';
import type { Message } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import { type Client, simulate } from '../support/client.ts';
import { deadLetters } from '../support/letters-by-origin.ts';
import { drained } from '../support/drained.ts';
import { produce } from '../support/produce.ts';
import { readTopic } from '../support/read-topic.ts';
import { System } from '../support/system.ts';
import { makeTopicAnew, rewind } from '../support/topics.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

interface StoredAction {
  id: string;
  clientRequestId: string | null;
  traceparent: string | null;
  position: string;
}

describe('requests on Kafka', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    system = await System.start({ env: { SHUTDOWN_GRACE_MS: '2000', LEASE_MS: '4000' } });
    client = await system.client();
  });
  afterAll(() => system?.stop());

  const request = (body: unknown, headers: Record<string, string> = {}, token = client.token) => ({
    value: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers },
  });
  const named = (name: string, body: unknown = simulate(), headers: Record<string, string> = {}) =>
    request(body, { 'client-request-id': name, ...headers });
  const send = async (...messages: Message[]) => {
    await produce(system, 'requests', messages);
    await settled();
  };
  /** Until the workers have stored all that is in the topic now. */
  const settled = async () => {
    await drained(system, 'requests');
    await drained(system, 'commands');
  };
  const stored = (ids: string[]) =>
    system.query<StoredAction>(
      'SELECT "id", "clientRequestId", "traceparent", "position" FROM "security_action" WHERE "clientRequestId" = ANY($1) ORDER BY "position"',
      [ids],
    );
  const storedOne = async (id: string) => {
    const [row, ...more] = await stored([id]);
    expect(more).toEqual([]);
    return row!;
  };
  const shown = async (id: string) => (await client.get(id)).body;
  const completed = (id: string) =>
    vi.waitFor(async () => expect((await shown(id)).status).toBe('Completed'), {
      timeout: 30_000,
      interval: 50,
    });
  /** So many names that no other test has. */
  const names = (count: number) => {
    const prefix = randomUUID();
    return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  };

  it('become actions of the caller that their token proves, shown on HTTP and on the events topic', async () => {
    const token = await system.issuer.token({ app: 'app-stream' });
    const [name] = names(1);
    const before = Date.now();
    const body = { ...simulate({ target: 'h-1' }), clientContext: 'from Kafka', ticket: 'INC-7' };
    await send(
      request(
        body,
        {
          Authorization: `Bearer ${token}`,
          'Client-Request-Id': name!,
          traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01`,
          'x-caller': '{"tenantId":"tenant-b","appId":"forged","user":null}',
          'x-tenant-id': 'tenant-b',
        },
        '',
      ),
    );
    const after = Date.now();
    const { id, traceparent } = await storedOne(name!);
    await completed(id);
    const action = await shown(id);
    expect(action).toMatchObject({
      appId: 'app-stream',
      azureTenantId: 'tenant-a',
      clientContext: 'from Kafka',
      ticket: 'INC-7',
      parameters: [{ name: 'target', value: 'h-1' }],
    });
    expect(Date.parse(action.createdDateTime!)).toBeGreaterThanOrEqual(before - 1);
    expect(Date.parse(action.createdDateTime!)).toBeLessThanOrEqual(after);
    expect(traceparent).toContain(TRACE_ID);
    const events = await readTopic(
      system,
      'events',
      (all) => all.filter(({ key }) => key === id).length >= 3,
    );
    const own = events.filter(({ key }) => key === id);
    expect(own.map(({ headers }) => headers['ce_type'])).toEqual(
      ['created', 'started', 'completed'].map((type) => `securityActions.${type}`),
    );
    for (const { headers } of own) {
      expect(headers).toMatchObject({ ce_clientrequestid: name, 'client-request-id': name });
    }
    expect(JSON.parse(own[2]!.value!) as SecurityAction).toMatchObject({ id, status: 'Completed' });
  });

  it('are each an action of its own without a key, and one together with one', async () => {
    const [plain, keyed] = names(2);
    const once = { 'Idempotency-Key': keyed! };
    await send(named(plain!), named(plain!), named(keyed!, simulate(), once));
    await send(named(keyed!, simulate(), once), named(plain!));
    expect(await stored([plain!])).toHaveLength(3);
    expect(await stored([keyed!])).toHaveLength(1);
  });

  it('that cannot be used become dead letters, each with its cause, and hold nobody up', async () => {
    const reader = await system.issuer.token({ roles: ['SecurityActions.Read.All'] });
    const expired = await system.issuer.token({ expiresInSeconds: -60 });
    const secret = 'parameter-value-to-be-kept-secret';
    const text = (value: string) => JSON.stringify(simulate({ target: value }));
    const poison: Record<string, [Message, code: string, reason: string]> = {
      'no token': [request(simulate(), {}, ''), 'InvalidAuthenticationToken', 'is empty'],
      'bad token': [request(simulate(), {}, 'x.y.z'), 'InvalidAuthenticationToken', 'malformed'],
      expired: [request(simulate(), {}, expired), 'InvalidAuthenticationToken', 'expired'],
      'may only read': [request(simulate(), {}, reader), 'Authorization_RequestDenied', ''],
      'other tenant': [
        request({ ...simulate(), azureTenantId: 'tenant-b' }),
        'Authorization_RequestDenied',
        'azureTenantId: is another tenant',
      ],
      tombstone: [{ ...request(''), value: null }, 'invalidRequest', 'no value'],
      empty: [request(''), 'invalidRequest', 'not JSON'],
      'bad JSON': [request('{"name":'), 'invalidRequest', 'not JSON'],
      'bad UTF-8': [
        { ...request(''), value: Buffer.from([0x22, 0xff, 0x22]) },
        'invalidRequest',
        'not UTF-8',
      ],
      'no object': [request([simulate()]), 'invalidRequest', 'must be a JSON object'],
      'U+0000': [request(text('a\u0000b')), 'invalidRequest', 'parameters[0].value: must not'],
      surrogate: [request(text('\ud800')), 'invalidRequest', 'parameters[0].value: must not'],
      'wrong types': [
        request({ ...simulate(), name: 7, parameters: secret }),
        'invalidRequest',
        'name: ',
      ],
      'bad parameter': [
        request(simulate({ delayMs: secret })),
        'invalidRequest',
        'parameters[0].value',
      ],
      'bad key': [
        request(simulate(), { 'idempotency-key': 'two words' }),
        'invalidRequest',
        'idempotency-key',
      ],
      'unknown provider': [
        request({ ...simulate(), vendorInformation: { provider: 'Gone' } }),
        'unknownProvider',
        "unknown provider 'Gone'",
      ],
      'unknown action': [request({ ...simulate(), name: 'Explode' }), 'unknownAction', "'Explode'"],
      '65 KiB': [
        request({ ...simulate(), actionReason: 'x'.repeat(65_536) }),
        'requestEntityTooLarge',
        'at most 65536',
      ],
      '2 MB': [
        request({ ...simulate(), actionReason: 'x'.repeat(2_000_000) }),
        'requestEntityTooLarge',
        'at most 65536',
      ],
    };
    const [before, behind] = names(2);
    const forged = { 'x-error-code': 'forged', 'x-caller': '{"tenantId":"tenant-b"}', kept: 'yes' };
    await send(
      named(before!),
      ...Object.entries(poison).map(([key, [message]]) => ({
        ...message,
        key,
        headers: { ...message.headers, ...forged },
      })),
      named(behind!),
    );
    for (const name of [before!, behind!]) await completed((await storedOne(name)).id);

    const letters = [...(await deadLetters(system)).values()];
    const byKey = new Map(letters.map((letter) => [letter.key, letter]));
    for (const [key, [message, code, reason]] of Object.entries(poison)) {
      const { value, headers } = byKey.get(key)!;
      expect([key, headers['x-error-code'], headers['x-error-message']]).toEqual([
        key,
        code,
        expect.stringContaining(reason),
      ]);
      expect(value).toBe(message.value?.toString() ?? null);
      expect(headers['kept']).toBe('yes');
      expect(headers['authorization']).toBe(message.headers?.['authorization']);
      const isProven = code !== 'InvalidAuthenticationToken' && key !== 'may only read';
      const caller = { tenantId: 'tenant-a', appId: 'app-1', user: null };
      expect(headers['x-caller'] && JSON.parse(headers['x-caller'])).toEqual(
        isProven ? caller : undefined,
      );
      expect(headers['x-error-message']).not.toContain(secret);
    }
    const logs = system.workers.map((worker) => worker.log()).join('');
    for (const hidden of [client.token, reader, expired, secret]) {
      expect(logs).not.toContain(hidden);
    }
  });

  it('of one producer keep their order on each target', async () => {
    const sent = names(600);
    const target = (index: number) => `ordered-${index % 3}`;
    await send(...sent.map((name, index) => named(name, simulate({ target: target(index) }))));
    const rows = await stored(sent);
    for (const first of [0, 1, 2]) {
      const ofTarget = sent.filter((_, index) => index % 3 === first);
      const order = rows.map(({ clientRequestId }) => clientRequestId!);
      expect(order.filter((name) => ofTarget.includes(name))).toEqual(ofTarget);
    }
  });

  it('are each sent after the acknowledgement of the one before, in their order, without any key', async () => {
    const sent = names(30);
    for (const name of sent) {
      await produce(system, 'requests', [named(name, simulate({ target: 'acknowledged' }))]);
    }
    await settled();
    const order = (await stored(sent)).map(({ clientRequestId }) => clientRequestId);
    expect(order).toEqual(sent);
  });

  it('are taken by the token that was valid when they were appended, however late a worker comes', async () => {
    await Promise.all(system.workers.map((worker) => worker.stop()));
    const toleratedMs = 30_000;
    // Valid for some seconds more, thanks to the tolerance for clocks.
    const expiresAtMs = Date.now() - 24_000;
    const token = await system.issuer.token({ expiresInSeconds: -24 });
    const [name] = names(1);
    await produce(system, 'requests', [request(simulate(), { 'client-request-id': name! }, token)]);
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(expiresAtMs + toleratedMs), {
      timeout: 20_000,
      interval: 100,
    });
    await system.startWorker();
    await settled();
    await completed((await storedOne(name!)).id);
  });

  it('become one action each, though their worker is killed and all of them are delivered again', async () => {
    const sent = names(1500);
    await produce(
      system,
      'requests',
      sent.map((name) => named(name)),
    );
    await vi.waitFor(async () => expect((await stored(sent)).length).toBeGreaterThan(0), {
      timeout: 30_000,
      interval: 5,
    });
    await system.workers.at(-1)!.kill();
    await rewind(system, 'requests');
    await system.startWorker();
    await settled();
    const rows = await stored(sent);
    expect(rows).toHaveLength(sent.length);
    const ids = new Set(rows.map(({ id }) => id));
    await vi.waitFor(
      async () => {
        const { NotStarted = 0, Running = 0 } = await system.statuses();
        expect(NotStarted + Running).toBe(0);
      },
      { timeout: 60_000, interval: 200 },
    );
    const effects = system.effects().filter(({ actionId }) => ids.has(actionId));
    expect(new Set(effects.map(({ actionId }) => actionId)).size).toBe(sent.length);
  }, 180_000);

  it.each([
    ['fewer', 40],
    ['as many', 100],
    ['more', 160],
  ])('of a topic that was deleted and made anew are new ones, if it held %s', async (_, count) => {
    await makeTopicAnew(system, 'requests');
    await send(...names(count).map((name) => named(name)));
    await makeTopicAnew(system, 'requests');
    const sent = names(100);
    await produce(
      system,
      'requests',
      sent.map((name) => named(name)),
    );
    await vi.waitFor(async () => expect(await stored(sent)).toHaveLength(100), {
      timeout: 50_000,
      interval: 200,
    });
  });
});

describe('requests where no token is asked for', () => {
  let system: System;
  afterAll(() => system?.stop());

  it('are those of the app and the tenant that the settings name', async () => {
    system = await System.start({
      env: { KAFKA_DOOR_AUTH: 'none', KAFKA_DOOR_TENANT: 'tenant-own', KAFKA_DOOR_APP: 'stream' },
    });
    const value = JSON.stringify(simulate());
    const stranger = await system.issuer.token({ tenant: 'tenant-b' });
    const foreign = JSON.stringify({ ...simulate(), azureTenantId: 'tenant-b' });
    await produce(system, 'requests', [
      { value },
      { value, headers: { authorization: `Bearer ${stranger}` } },
      { value: foreign, key: 'foreign' },
    ]);
    await drained(system, 'requests');
    await drained(system, 'commands');
    const client = await system.client({ tenant: 'tenant-own' });
    const { value: actions } = (await client.list()).body;
    expect(actions.map(({ appId, user }) => [appId, user])).toEqual([
      ['stream', null],
      ['stream', null],
    ]);
    const [letter] = (await deadLetters(system)).values();
    expect(letter).toMatchObject({
      key: 'foreign',
      headers: { 'x-error-code': 'Authorization_RequestDenied' },
    });
  });
});
