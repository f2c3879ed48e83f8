import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import {
  type Answer,
  type Client,
  type ErrorBody,
  PUBLISHED_SAMPLE,
  simulate,
} from '../support/client.ts';
import { System } from '../support/system.ts';

const REPORTED = `
  - vendor: Acme
    provider: Reported
    type: simulated
    reporters: [{ tenant: tenant-vendor, app: app-vendor }]
    capabilities: { idempotent: true }
    allowUnknownActions: true
`;

interface HistoryEntry {
  sequence: number;
  type: string;
  status: string;
  appId: string | null;
  attemptId: string | null;
}

describe('changes from outside', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    const file = join(tmpdir(), `providers-${randomUUID()}.yaml`);
    writeFileSync(file, readFileSync('config/providers.yaml', 'utf8') + REPORTED);
    system = await System.start({ env: { PROVIDERS_FILE: file } });
    client = await system.client();
  });
  afterAll(() => system?.stop());

  const path = (id: string) => `beta/security/securityActions/${id}`;
  const patch = <T = SecurityAction>(
    id: string,
    body: object,
    headers: Record<string, string> = {},
    as = client,
  ): Promise<Answer<T>> => as.request<T>('PATCH', path(id), { body, headers });
  const history = async (id: string) =>
    (await client.request<{ value: HistoryEntry[] }>('GET', `${path(id)}/history`)).body.value;
  const reaches = (id: string, status: string) =>
    vi.waitFor(
      async () => {
        const answer = await client.get(id);
        expect(answer.body.status).toBe(status);
        return answer.body;
      },
      { timeout: 30_000, interval: 50 },
    );
  const effectsOf = (id: string) => system.effects().filter(({ actionId }) => actionId === id);

  /** An action whose provider has been called and does not answer. */
  const running = async (target = randomUUID()) => {
    const id = await client.created(simulate({ outcome: 'Stall', target }, 'Strict Simulator'));
    await reaches(id, 'Running');
    return id;
  };
  /** An action that waits behind a running one. */
  const waiting = async () => {
    const target = randomUUID();
    const ahead = await running(target);
    const id = await client.created(simulate({ target }, 'Strict Simulator'));
    await client.get(id);
    return { ahead, id };
  };
  const completed = async () => {
    const id = await client.created(PUBLISHED_SAMPLE);
    await reaches(id, 'Completed');
    return id;
  };

  describe('PATCH: a provider reports', () => {
    it('ends a running action, and the outcome of its call counts no more', async () => {
      const id = await running();
      const { status, body } = await patch(id, { status: 'Completed' });
      expect([status, body.status]).toEqual([200, 'Completed']);
      expect(body.states.at(-1)).toMatchObject({ status: 'Completed', appId: 'app-1' });
      await reaches(id, 'Completed');
      const events = await history(id);
      expect(events.map(({ type }) => type)).toEqual(['created', 'started', 'completed']);
    });

    it('keeps what went wrong when it reports Failed', async () => {
      const errorInfo = { code: 42, message: 'no such host', subcode: 404 };
      const { body } = await patch(await running(), { status: 'failed', errorInfo });
      expect(body).toMatchObject({ status: 'Failed', errorInfo });
      expect(body.completedDateTime).not.toBeNull();
    });

    it('beats the claim: what waits and is reported Completed is never dispatched', async () => {
      const { ahead, id } = await waiting();
      expect((await patch(id, { status: 'Completed' })).status).toBe(200);
      await patch(ahead, { status: 'Completed' });
      // What follows on the same target ran: so the reported one would have run by now.
      expect(effectsOf(id)).toEqual([]);
      expect((await client.get(id)).body.states.map(({ status }) => status)).toEqual([
        'NotStarted',
        'Completed',
      ]);
    });

    it('takes over what waits when it reports Running, and it then waits for the report of its end', async () => {
      const { ahead, id } = await waiting();
      expect((await patch(id, { status: 'Running' })).body).toMatchObject({
        status: 'Running',
        waitingFor: 'report',
      });
      await patch(ahead, { status: 'Completed' });
      expect((await client.cancel(id)).status).toBe(409);
      expect((await patch(id, { status: 'Completed' })).body.status).toBe('Completed');
      expect(effectsOf(id)).toEqual([]);
    });

    it('never goes back, and never changes an end', async () => {
      const id = await running();
      const back = await patch<ErrorBody>(id, { status: 'NotStarted' });
      expect([back.status, back.body.error.code]).toEqual([409, 'conflict']);
      await patch(id, { status: 'Completed' });
      const ended = await patch<ErrorBody>(id, { status: 'Failed' });
      expect([ended.status, ended.body.error.code]).toEqual([409, 'alreadyFinished']);
      const repeated = await patch(id, { status: 'Completed' });
      expect(repeated.status).toBe(200);
      expect((await history(id)).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    });

    it('only goes to the history when it is about an attempt that was given up', async () => {
      const id = await running();
      const attemptId = randomUUID();
      const { body } = await patch(id, { status: 'Failed', attemptId });
      expect(body.status).toBe('Running');
      expect((await history(id)).at(-1)).toMatchObject({ type: 'lateReport', attemptId });
      expect((await patch(id, { status: 'Completed', attemptId })).body.status).toBe('Completed');
    });

    it('shows the truth beside an unknown outcome, and the status stays', async () => {
      const id = await client.created(simulate({ outcome: 'Unknown' }, 'Strict Simulator'));
      await reaches(id, 'Failed');
      const { status, body } = await patch(id, { status: 'Completed' });
      expect(status).toBe(200);
      expect(body).toMatchObject({
        status: 'Failed',
        errorInfo: { code: 3 },
        reportedAfterwards: { status: 'Completed', appId: 'app-1' },
      });
      expect((await patch(id, { status: 'Completed' })).status).toBe(409);
    });

    it.each([
      [{}, 'status'],
      [{ status: 'Done' }, 'status'],
      [{ status: 'Failed', errorInfo: { code: 'x' } }, 'errorInfo.code'],
      [{ status: 'Completed', actionReason: 'x' }, 'actionReason'],
    ])('refuses %j, naming the field', async (body, target) => {
      const answer = await patch<ErrorBody>(await completed(), body);
      expect([answer.status, answer.body.error.target]).toEqual([400, target]);
    });

    it('is for the listed reporters alone where a provider lists them', async () => {
      const id = await client.created({
        name: 'Act',
        parameters: [],
        vendorInformation: { vendor: 'Acme', provider: 'Reported' },
      });
      await reaches(id, 'Completed');
      expect((await patch(id, { status: 'Completed' })).status).toBe(403);
      const vendor = await system.client({ tenant: 'tenant-vendor', app: 'app-vendor' });
      const headers = { 'x-tenant-id': 'tenant-a' };
      expect((await patch(id, { status: 'Completed' }, headers, vendor)).status).toBe(200);
      const colleague = await system.client({ tenant: 'tenant-vendor', app: 'app-other' });
      expect((await patch(id, { status: 'Completed' }, headers, colleague)).status).toBe(404);
    });
  });

  describe('ETags', () => {
    it('answers 304 to who has this revision, and the resource to who has another', async () => {
      const id = await completed();
      const first = await client.get(id);
      const etag = first.headers.get('etag')!;
      expect(first.body['@odata.etag']).toBe(etag);
      const again = await client.request('GET', path(id), { headers: { 'if-none-match': etag } });
      expect([again.status, again.body]).toEqual([304, undefined]);
      expect(again.headers.get('content-type')).toBeNull();
      const other = await client.request('GET', path(id), {
        headers: { 'if-none-match': 'W/"1"' },
      });
      expect(other.status).toBe(200);
    });

    it('holds a change back whose client has seen another version', async () => {
      const id = await running();
      const seen = (await client.get(id)).headers.get('etag')!;
      const stale = await patch<ErrorBody>(id, { status: 'Completed' }, { 'if-match': 'W/"1"' });
      expect([stale.status, stale.body.error.code]).toEqual([412, 'preconditionFailed']);
      expect((await patch(id, { status: 'Completed' }, { 'if-match': seen })).status).toBe(200);
    });
  });

  describe('DELETE', () => {
    const remove = (id: string, headers: Record<string, string> = {}) =>
      client.request('DELETE', path(id), { headers });

    it('hides an action that has ended, everywhere', async () => {
      const id = await completed();
      expect((await remove(id, { 'if-match': 'W/"1"' })).status).toBe(412);
      expect((await remove(id, { 'if-match': '*' })).status).toBe(204);
      for (const answer of [
        await client.get(id),
        await remove(id),
        await client.cancel(id),
        await patch(id, { status: 'Completed' }),
        await client.request('GET', `${path(id)}/history`),
      ]) {
        expect(answer.status).toBe(404);
      }
      const ids = (await client.list('?$top=1000')).body.value.map((action) => action.id);
      expect(ids).not.toContain(id);
    });

    it('refuses one that has not ended', async () => {
      const id = await running();
      expect((await remove(id)).status).toBe(409);
      expect((await client.get(id)).status).toBe(200);
      await patch(id, { status: 'Completed' });
    });
  });

  describe('ours', () => {
    it('tells the whole story of an action without gaps', async () => {
      const id = await client.created(simulate({ failAttempts: '1' }));
      await reaches(id, 'Completed');
      const events = await history(id);
      expect(events.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
      expect(events.map(({ type }) => type)).toEqual([
        'created',
        'started',
        'attemptFailed',
        'completed',
      ]);
      expect(events[0]).toMatchObject({ appId: 'app-1', status: 'NotStarted' });
    });

    it('checks a create without creating it', async () => {
      const before = (await client.list('?$count=true')).body['@odata.count'];
      const validate = (body: object) =>
        client.request<{ target: string } & ErrorBody>('POST', path('validate'), { body });
      const plan = await validate(PUBLISHED_SAMPLE);
      expect(plan.status).toBe(200);
      expect(plan.body).toMatchObject({ name: 'BlockIp', target: '1.2.3.4', revert: 'UnblockIp' });
      const wrong = { ...PUBLISHED_SAMPLE, name: 'BlockIpp' };
      const [refused, created] = [await validate(wrong), await client.create(wrong)];
      expect(refused.status).toBe(400);
      expect(refused.body.error.message).toContain("did you mean 'BlockIp'?");
      expect(created.body).toMatchObject({ error: { message: refused.body.error.message } });
      expect((await client.list('?$count=true')).body['@odata.count']).toBe(before);
    });

    it('keeps its pages as small as the client prefers', async () => {
      const headers = { prefer: 'odata.maxpagesize=2' };
      const answer = await client.request<{ value: object[] }>('GET', path('').slice(0, -1), {
        headers,
      });
      expect(answer.body.value).toHaveLength(2);
      expect(answer.headers.get('preference-applied')).toBe('odata.maxpagesize=2');
    });

    it('leaves bodies out when the client prefers that', async () => {
      const prefer = { prefer: 'return=minimal' };
      const answer = await client.create(PUBLISHED_SAMPLE, prefer);
      expect([answer.status, answer.body]).toEqual([204, undefined]);
      expect(answer.headers.get('preference-applied')).toBe('return=minimal');
      expect(answer.headers.get('odata-entityid')).toBe(answer.headers.get('location'));
    });
  });
});
