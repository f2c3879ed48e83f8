import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import { type Client, simulate } from '../support/client.ts';
import { drained } from '../support/drained.ts';
import { produce } from '../support/produce.ts';
import { System } from '../support/system.ts';

const PATH = 'beta/security/securityActions';
const RETRY = { 'Retry-Attempt': '1' };

describe('a create that is sent again', () => {
  let system: System;
  let client: Client;
  let other: Client;

  beforeAll(async () => {
    system = await System.start({ apis: 2 });
    client = await system.client();
    other = await system.client({}, 1);
  });
  afterAll(() => system?.stop());

  /** A body that no other test has; on a target of its own, which waits there while something stalls before it. */
  const body = (parameters: Record<string, string> = {}) => ({
    ...simulate({ target: randomUUID(), ...parameters }, 'Strict Simulator'),
    actionReason: randomUUID(),
  });
  /** Sends it, and waits until it is stored. @returns what it answers to now, by the id that the create was given */
  const send = async (
    sent: object,
    headers: Record<string, string> = {},
    by = client,
  ): Promise<{ answeredId: string; action: SecurityAction }> => {
    const answer = await by.create(sent, headers);
    expect(answer).toMatchObject({ status: 201, body: { status: 'NotStarted' } });
    expect(answer.headers.get('location')).toBe(`${by.url}/${PATH}/${answer.body.id}`);
    const read = await by.get(answer.body.id);
    expect(read.status).toBe(200);
    return { answeredId: answer.body.id, action: read.body };
  };
  const listed = async ({ actionReason }: { actionReason: string }) => {
    const page = await client.list(`?$filter=actionReason eq '${actionReason}'`);
    return page.body.value.map(({ id }) => id).toReversed();
  };

  it.each([
    ['with a request id', { 'client-request-id': 'incident-1' }],
    ['without one', {}],
  ] as [string, Record<string, string>][])('is one action, %s, by any process', async (_, ids) => {
    const sent = body();
    const first = await send(sent, ids);
    const again = await send(sent, { ...ids, ...RETRY }, other);
    const third = await send(sent, { ...ids, 'RETRY-ATTEMPT': '2' });
    expect(new Set([first, again, third].map(({ answeredId }) => answeredId)).size).toBe(3);
    for (const { action } of [again, third]) expect(action.id).toBe(first.answeredId);
    expect(await listed(sent)).toEqual([first.answeredId]);
    await vi.waitFor(async () => {
      expect((await client.get(again.answeredId)).body.status).toBe('Completed');
    }, 30_000);
    expect(
      system
        .effects()
        .filter(({ actionId }) =>
          [first, again, third].some(({ answeredId }) => answeredId === actionId),
        ),
    ).toHaveLength(1);
  });

  it.each<Record<string, string>>([{}, { 'Retry-Attempt': '0' }, { 'Retry-Attempt': 'x' }])(
    'is a second action if it says no word of that: %j',
    async (headers) => {
      const sent = body();
      const ids = { 'client-request-id': 'incident-2' };
      const first = await send(sent, ids);
      const second = await send(sent, { ...ids, ...headers });
      expect(second.action.id).toBe(second.answeredId);
      expect(await listed(sent)).toEqual([first.answeredId, second.answeredId]);
    },
  );

  it('is an action if its first sending was lost', async () => {
    const sent = body();
    const first = await send(sent, RETRY);
    expect(first.action.id).toBe(first.answeredId);
    expect((await send(sent, RETRY)).action.id).toBe(first.answeredId);
  });

  it('is a second action once something else was done to the target, with the same request id or marked', async () => {
    const ids = { 'client-request-id': 'incident-3' };
    const ip = `10.${[1, 2, 3].map(() => Math.floor(Math.random() * 256)).join('.')}`;
    const act = (name: string) => ({
      name,
      actionReason: ip,
      parameters: [{ name: 'IP', value: ip }],
      vendorInformation: { provider: 'Windows Defender ATP', vendor: 'Microsoft' },
    });
    const blocked = await send(act('BlockIp'), ids);
    const released = await send(act('UnblockIp'), ids);
    const blockedAgain = await send(act('BlockIp'), ids);
    const releasedAgain = await send(act('UnblockIp'), { ...ids, ...RETRY });
    const ofRelease = await send(act('UnblockIp'), { ...ids, ...RETRY });
    const ends = [blocked, released, blockedAgain, releasedAgain];
    expect(ends.map(({ action }) => action.id)).toEqual(ends.map(({ answeredId }) => answeredId));
    expect(ofRelease.action.id).toBe(releasedAgain.answeredId);
    expect(await listed({ actionReason: ip })).toEqual(ends.map(({ answeredId }) => answeredId));
  });

  it('is another one for another tenant or app, which cannot see it either', async () => {
    const sent = body();
    const first = await send(sent, { 'client-request-id': 'incident-4' });
    const again = await send(sent, { 'client-request-id': 'incident-4', ...RETRY });
    expect(again.action.id).toBe(first.answeredId);
    for (const who of [{ tenant: 'tenant-b' }, { app: 'app-2' }]) {
      const stranger = await system.client(who);
      const own = await send(sent, { 'client-request-id': 'incident-4', ...RETRY }, stranger);
      expect(own.action.id).toBe(own.answeredId);
    }
    const stranger = await system.client({ tenant: 'tenant-b' });
    const [missing, hidden] = await Promise.all(
      [randomUUID(), again.answeredId].map((id) => stranger.get(id)),
    );
    expect([hidden!.status, missing!.status]).toEqual([404, 404]);
  });

  describe('answers, under the id that it was given,', () => {
    /** An action that waits behind another one, by both its ids. */
    const twice = async () => {
      const target = randomUUID();
      await send(body({ target, outcome: 'Stall' }));
      const sent = body({ target });
      const first = await send(sent);
      const { answeredId: alias } = await send(sent, RETRY);
      return { id: first.answeredId, alias, path: `${PATH}/${alias}` };
    };

    it('a get, and a get of what the reader has', async () => {
      const { id, alias, path } = await twice();
      const [byId, byAlias] = await Promise.all([client.get(id), client.get(alias.toUpperCase())]);
      expect(byAlias).toMatchObject({ status: 200, body: byId.body });
      const headers = { 'If-None-Match': byId.headers.get('etag')! };
      expect((await client.request('GET', path, { headers })).status).toBe(304);
    });

    it('its history', async () => {
      const { id, path } = await twice();
      const [byId, byAlias] = await Promise.all(
        [`${PATH}/${id}`, path].map((each) => client.request('GET', `${each}/history`)),
      );
      expect(byAlias).toMatchObject({ status: 200, body: byId!.body });
      expect(byId!.body).toMatchObject({ value: [{ type: 'created', sequence: 1 }] });
    });

    it('a cancel', async () => {
      const { id, alias } = await twice();
      const cancelled = await client.cancel(alias);
      expect([cancelled.status, cancelled.headers.get('cancel-outcome')]).toEqual([
        200,
        'prevented',
      ]);
      for (const each of [id, alias]) {
        expect((await client.get(each)).body).toMatchObject({ id, errorInfo: { code: 1 } });
      }
    });

    it('a PATCH and a DELETE, with conditions, after which both are gone', async () => {
      const { id, alias, path } = await twice();
      const etag = (await client.get(alias)).headers.get('etag')!;
      const headers = { 'If-Match': etag };
      const report = { body: { status: 'Completed' }, headers };
      const patched = await client.request<SecurityAction>('PATCH', path, report);
      expect(patched).toMatchObject({ status: 200, body: { id, status: 'Completed' } });
      const stale = await client.request('DELETE', path, { headers });
      expect(stale.status).toBe(412);
      expect((await client.request('DELETE', path)).status).toBe(204);
      for (const each of [id, alias]) expect((await client.get(each)).status).toBe(404);
    });

    it('reports on Kafka, in one order with those under the first id', async () => {
      const { id, alias } = await twice();
      const headers = { authorization: `Bearer ${client.token}` };
      const message = (of: string, status: string) => ({
        // One key, so that the log has them in this order.
        key: id,
        value: JSON.stringify({ id: of, status }),
        headers,
      });
      await produce(system, 'reports', [message(alias, 'Running'), message(id, 'Completed')]);
      await drained(system, 'reports');
      for (const each of [id, alias]) {
        expect((await client.get(each)).body).toMatchObject({ id, status: 'Completed' });
      }
      const { states } = (await client.get(alias)).body;
      expect(states.map(({ status }) => status)).toEqual(['NotStarted', 'Running', 'Completed']);
    });
  });

  it('is one action for each request of a $batch that is sent again', async () => {
    const bodies = [body(), body()];
    const requests = bodies.map((each, index) => ({
      id: String(index),
      method: 'POST',
      url: '/security/securityActions',
      headers: { 'Content-Type': 'application/json' },
      body: each,
    }));
    const sendBatch = async (sent: object[], headers: Record<string, string>) => {
      const answer = await client.request<{
        responses: { status: number; body: SecurityAction }[];
      }>('POST', 'beta/$batch', { body: { requests: sent }, headers });
      const { responses } = answer.body;
      expect(responses.map(({ status }) => status)).toEqual(sent.map(() => 201));
      return Promise.all(
        responses.map(async (response) => (await client.get(response.body.id)).body.id),
      );
    };
    const ids = await sendBatch(requests, { 'client-request-id': 'batch-1' });
    const again = { 'client-request-id': 'batch-1', ...RETRY };
    expect(await sendBatch(requests, again)).toEqual(ids);
    // The request's own header counts for that request.
    const marked = requests.map((request, index) =>
      index === 1 ? { ...request, headers: { ...request.headers, 'retry-attempt': '1' } } : request,
    );
    const [fresh, resent] = await sendBatch(marked, { 'client-request-id': 'batch-1' });
    expect(fresh).not.toBe(ids[0]);
    expect(resent).toBe(ids[1]);
  });

  it('is settled by its idempotency key if it has one, not as a resend', async () => {
    const sent = body();
    const first = await send(sent);
    const keyed = await client.create(sent, { ...RETRY, 'Idempotency-Key': randomUUID() });
    expect(keyed.status).toBe(201);
    expect((await client.get(keyed.body.id)).body.id).toBe(keyed.body.id);
    expect(await listed(sent)).toEqual([first.answeredId, keyed.body.id]);
    // And the newest on the target is now that one, of which no resend without a key is.
    expect((await send(sent, RETRY)).action.id).not.toBe(first.answeredId);
  });

  it('is counted once as a resend', async () => {
    const resends = async () => {
      const text = await (await fetch(`${system.workers[0]!.adminUrl}/metrics`)).text();
      const pattern = /^security_actions_resends_total{.*Strict Simulator.*} (\d+)$/m;
      return Number(pattern.exec(text)?.[1] ?? 0);
    };
    const before = await resends();
    const sent = body();
    await send(sent);
    await send(sent, RETRY);
    await vi.waitFor(async () => expect(await resends()).toBe(before + 1));
  });
});
