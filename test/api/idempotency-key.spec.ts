import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import {
  type Answer,
  type Client,
  type ErrorBody,
  PUBLISHED_SAMPLE,
  simulate,
} from '../support/client.ts';
import { drained } from '../support/drained.ts';
import { deadLetters } from '../support/letters-by-origin.ts';
import { produce } from '../support/produce.ts';
import { System } from '../support/system.ts';
import { rewind } from '../support/topics.ts';

const PATH = 'beta/security/securityActions';
/** The machine may be busy; what is told in time is what these tests are about. */
const PATIENT = { KEY_LOOKUP_MS: '10000' };

interface Item {
  id: string;
  status: number;
  headers: Record<string, string>;
  body: SecurityAction;
}

const keyedCreate = (client: Client, key: string, body: unknown, headers = {}) =>
  client.create(body, { 'Idempotency-Key': key, ...headers });
const isReplayed = ({ headers }: Answer<unknown>) => headers.get('idempotency-replayed');
const completed = (client: Client, id: string) =>
  vi.waitFor(async () => expect((await client.get(id)).body.status).toBe('Completed'), {
    timeout: 30_000,
    interval: 50,
  });

/** A create that is undone in some seconds, and a wait for that moment. */
function undoneSoon() {
  const revertDateTime = new Date(Date.now() + 3000).toISOString();
  const passed = () =>
    vi.waitFor(() => expect(new Date().toISOString() > revertDateTime).toBe(true), {
      timeout: 10_000,
      interval: 50,
    });
  return { body: { ...PUBLISHED_SAMPLE, revertDateTime }, passed };
}

describe('a create with an Idempotency-Key', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    system = await System.start({ apis: 2, env: PATIENT });
    client = await system.client();
  });
  afterAll(() => system?.stop());

  /** Created and completed. */
  const earlier = async (body: unknown = PUBLISHED_SAMPLE) => {
    const key = randomUUID();
    const answer = await keyedCreate(client, key, body);
    expect([answer.status, isReplayed(answer)]).toEqual([201, null]);
    await completed(client, answer.body.id);
    return { key, id: answer.body.id, location: answer.headers.get('location') };
  };
  const effectsOf = (id: string) => system.effects().filter(({ actionId }) => actionId === id);

  it('is answered again with the action as it stands, by any process, and runs once', async () => {
    const { key, id, location } = await earlier();
    for (const api of [0, 1]) {
      const again = await keyedCreate(await system.client({}, api), key, PUBLISHED_SAMPLE);
      expect([again.status, isReplayed(again)]).toEqual([201, 'true']);
      expect(again.body).toMatchObject({ id, status: 'Completed', ...PUBLISHED_SAMPLE });
    }
    const again = await keyedCreate(client, key, PUBLISHED_SAMPLE);
    expect(again.headers.get('location')).toBe(location);
    // What came last in the log is stored: so would be anything that a replay had published before it.
    await completed(client, await client.created(simulate()));
    expect(effectsOf(id)).toHaveLength(1);
  });

  it('is the same with its properties in another order, and with what the service sets', async () => {
    const { key, id } = await earlier();
    const { vendorInformation, name, ...others } = PUBLISHED_SAMPLE;
    const body = { ...others, status: 'notStarted', vendorInformation, name };
    const again = await keyedCreate(client, key, body);
    expect([again.status, again.body.id, isReplayed(again)]).toEqual([201, id, 'true']);
  });

  it('is the same after the moment at which it was to be undone, when no new one could be made', async () => {
    const { body, passed } = undoneSoon();
    const { key, id } = await earlier(body);
    await passed();
    const again = await keyedCreate(client, key, body);
    expect([again.status, again.body.id, isReplayed(again)]).toEqual([201, id, 'true']);
    const another = await keyedCreate(client, key, { ...body, actionReason: 'x' });
    expect(another).toMatchObject({
      status: 409,
      body: { error: { code: 'idempotencyKeyReuse' } },
    });
    const fresh = await keyedCreate(client, randomUUID(), body);
    expect(fresh).toMatchObject({
      status: 400,
      body: { error: { code: 'invalidRequest', target: 'revertDateTime' } },
    });
  });

  it('is another one with another body: 409, and nothing is created', async () => {
    const { key, id } = await earlier();
    const other = { ...PUBLISHED_SAMPLE, actionReason: 'Another one' };
    for (const api of [0, 1]) {
      const answer = await keyedCreate(await system.client({}, api), key, other);
      expect(answer).toMatchObject({
        status: 409,
        body: { error: { code: 'idempotencyKeyReuse', target: 'Idempotency-Key' } },
      });
    }
    await completed(client, await client.created(simulate()));
    const page = await client.list("?$filter=actionReason eq 'Another one'");
    expect(page.body.value).toEqual([]);
    expect((await client.get(id)).body.status).toBe('Completed');
  });

  it('has the key apart from those of other tenants and apps', async () => {
    const { key, id } = await earlier();
    const others = [
      await system.client({ tenant: 'tenant-b' }),
      await system.client({ app: 'app-2' }),
    ];
    for (const other of others) {
      for (const body of [PUBLISHED_SAMPLE, { ...PUBLISHED_SAMPLE, actionReason: 'x' }]) {
        const own = randomUUID();
        const first = await keyedCreate(other, own, body);
        expect([first.status, isReplayed(first)]).toEqual([201, null]);
      }
      const same = await keyedCreate(other, key, PUBLISHED_SAMPLE);
      expect([same.status, isReplayed(same)]).toEqual([201, null]);
      expect(same.body.id).not.toBe(id);
    }
  });

  it('is 409 once its action was deleted: neither shown nor made again', async () => {
    const { key, id } = await earlier();
    expect((await client.request('DELETE', `${PATH}/${id}`)).status).toBe(204);
    const again = await keyedCreate(client, key, PUBLISHED_SAMPLE);
    expect(again).toMatchObject({
      status: 409,
      body: { error: { code: 'idempotencyKeyReuse', message: expect.stringContaining('deleted') } },
    });
    expect((await client.get(id)).status).toBe(404);
  });

  it('is a dead letter on Kafka once its action was deleted, and not each time that the log is read', async () => {
    const body = { ...PUBLISHED_SAMPLE, actionReason: randomUUID() };
    const { key, id } = await earlier(body);
    const value = JSON.stringify(body);
    const headers = { authorization: `Bearer ${client.token}`, 'idempotency-key': key };
    const repeat = async () => {
      await produce(system, 'requests', [{ value, headers }]);
      await drained(system, 'requests');
      await drained(system, 'commands');
    };
    await repeat();
    expect((await client.request('DELETE', `${PATH}/${id}`)).status).toBe(204);
    const letters = async () =>
      [...(await deadLetters(system)).values()].filter((letter) => letter.value!.includes(id));
    expect(await letters()).toEqual([]);
    await repeat();
    const [letter, ...more] = await letters();
    expect(more).toEqual([]);
    expect(letter!.headers).toMatchObject({
      'x-error-code': 'idempotencyKeyReuse',
      'x-error-message': expect.stringContaining(id),
      'x-caller': JSON.stringify({ tenantId: 'tenant-a', appId: 'app-1', user: null }),
    });
    expect((await client.get(id)).status).toBe(404);

    await system.workers[0]!.stop();
    await rewind(system, 'commands');
    await system.workers[0]!.restart();
    await drained(system, 'commands');
    expect(await letters()).toHaveLength(1);
  });

  it('is replayed without a body if none is wanted', async () => {
    const { key, location } = await earlier();
    const minimal = { Prefer: 'return=minimal' };
    const again = await keyedCreate(client, key, PUBLISHED_SAMPLE, minimal);
    expect([again.status, again.body, isReplayed(again)]).toEqual([204, undefined, 'true']);
    expect(again.headers.get('location')).toBe(location);
  });

  it.each(['two words', 'ä', 'x'.repeat(256)])('is 400 with the key %j', async (key) => {
    const answer = await client.request<ErrorBody>('POST', PATH, {
      body: PUBLISHED_SAMPLE,
      headers: { 'idempotency-key': Buffer.from(key).toString('latin1') },
    });
    expect(answer).toMatchObject({
      status: 400,
      body: {
        error: {
          code: 'invalidRequest',
          target: 'Idempotency-Key',
          message: 'Idempotency-Key: must be 1 to 255 visible ASCII characters',
        },
      },
    });
  });

  it('is one in a $batch by the header of the request, not by one of the batch', async () => {
    const key = randomUUID();
    const create = (id: string, body: object, headers: Record<string, string>) => ({
      id,
      method: 'POST',
      url: '/security/securityActions',
      headers: { 'Content-Type': 'application/json', ...headers },
      body,
      // One after the other.
      dependsOn: id === '1' ? [] : [String(Number(id) - 1)],
    });
    const send = async (requests: object[]) => {
      const headers = { 'Idempotency-Key': 'of the batch' };
      const answer = await client.request<{ responses: Item[] }>('POST', 'beta/$batch', {
        body: { requests },
        headers,
      });
      expect(answer.status).toBe(200);
      return answer.body.responses;
    };
    const first = await send([
      create('1', PUBLISHED_SAMPLE, { 'IDEMPOTENCY-KEY': key }),
      create('2', PUBLISHED_SAMPLE, {}),
    ]);
    expect(first.map(({ status }) => status)).toEqual([201, 201]);
    expect(first[1]!.body.id).not.toBe(first[0]!.body.id);
    await completed(client, first[0]!.body.id);
    const again = await send([
      create('1', PUBLISHED_SAMPLE, { 'idempotency-key': key }),
      create('2', simulate(), { 'idempotency-key': key }),
      create('3', PUBLISHED_SAMPLE, {}),
    ]);
    expect(again.map(({ status }) => status)).toEqual([201, 409, 424]);
    const [replay] = again;
    const header = Object.entries(replay!.headers).find(([n]) => /idempotency-replayed/i.test(n));
    expect([replay!.body.id, header?.[1]]).toEqual([first[0]!.body.id, 'true']);
  });

  it('runs once when both processes get it at the same time', async () => {
    const clients = [client, await system.client({}, 1)];
    const keys = Array.from({ length: 20 }, () => randomUUID());
    const answers = await Promise.all(
      keys.flatMap((key) => clients.map((each) => keyedCreate(each, key, PUBLISHED_SAMPLE))),
    );
    expect(answers.filter(({ status }) => status !== 201)).toEqual([]);
    const ids = [...new Set(answers.map(({ body }) => body.id))];
    expect(ids).toHaveLength(keys.length);
    await Promise.all(ids.map((id) => completed(client, id)));
    await completed(client, await client.created(simulate()));
    for (const id of ids) expect(effectsOf(id)).toHaveLength(1);
  });

  it('is the same on Kafka; with another body there, it becomes Failed with code 8', async () => {
    const { key, id } = await earlier();
    const actionReason = randomUUID();
    const headers = { authorization: `Bearer ${client.token}`, 'idempotency-key': key };
    await produce(
      system,
      'requests',
      [PUBLISHED_SAMPLE, { ...PUBLISHED_SAMPLE, actionReason }].map((body) => ({
        value: JSON.stringify(body),
        headers,
      })),
    );
    const [loser] = await vi.waitFor(async () => {
      const { value } = (await client.list(`?$filter=actionReason eq '${actionReason}'`)).body;
      expect(value).toHaveLength(1);
      return value;
    }, 30_000);
    expect(loser).toMatchObject({
      status: 'Failed',
      errorInfo: { code: 8, message: expect.stringContaining(id) },
    });
    expect((await client.get(id)).body.status).toBe('Completed');
    expect([effectsOf(id), effectsOf(loser!.id)].map(({ length }) => length)).toEqual([1, 0]);
  });

  it('is counted as accepted or as replayed', async () => {
    const counts = async () => {
      const text = await (await fetch(`${system.apis[0]!.adminUrl}/metrics`)).text();
      return ['accepted', 'replayed'].map((what) => {
        const pattern = new RegExp(`^security_actions_${what}_total{.*BlockIp.*} (\\d+)$`, 'm');
        return Number(pattern.exec(text)?.[1] ?? 0);
      });
    };
    const [accepted, replayed] = await counts();
    const { key } = await earlier();
    await keyedCreate(client, key, PUBLISHED_SAMPLE);
    await keyedCreate(client, key, PUBLISHED_SAMPLE);
    expect(await counts()).toEqual([accepted! + 1, replayed! + 2]);
  });
});

describe('a create with an Idempotency-Key that is not stored yet', () => {
  let system: System;

  beforeAll(async () => {
    system = await System.start({ apis: 2, workers: 0, env: PATIENT });
  });
  afterAll(() => system?.stop());

  it('is one action; of two bodies one runs, and the other becomes Failed with code 8', async () => {
    const [one, other] = [await system.client(), await system.client({}, 1)];
    const third = await system.startApi(PATIENT);
    const stranger = await system.client({}, system.apis.indexOf(third));
    const [key, acrossTargets] = [randomUUID(), randomUUID()];
    const first = await keyedCreate(one, key, simulate({ target: 'a' }));
    const repeated = await keyedCreate(other, key, simulate({ target: 'a' }));
    expect([repeated.status, isReplayed(repeated)]).toEqual([201, null]);
    expect(repeated.body).toMatchObject({ id: first.body.id, status: 'NotStarted' });

    // The process that has accepted the key knows it, one that has not does not.
    const later = { ...simulate({ target: 'a' }), actionReason: 'another body' };
    const known = await keyedCreate(one, key, later);
    expect(known).toMatchObject({ status: 409, body: { error: { code: 'idempotencyKeyReuse' } } });
    const loser = await keyedCreate(stranger, key, later);
    expect(loser.status).toBe(201);
    // On other targets, and so in other partitions: which comes first is for the workers to say.
    const rivals = await Promise.all(
      [one, other, stranger].map((client, index) =>
        keyedCreate(client, acrossTargets, simulate({ target: `b${index}` })),
      ),
    );

    await Promise.all([system.startWorker(), system.startWorker()]);
    await completed(one, first.body.id);
    await failedByKey(one, loser.body.id, first.body.id);
    const ends = await vi.waitFor(async () => {
      const answers = await Promise.all(rivals.map(({ body }) => one.get(body.id)));
      const statuses = answers.map(({ body }) => body.status);
      expect(statuses.toSorted()).toEqual(['Completed', 'Failed', 'Failed']);
      return answers.map(({ body }) => body);
    }, 30_000);
    const winner = ends.find(({ status }) => status === 'Completed')!;
    for (const { id } of ends.filter((end) => end !== winner)) {
      await failedByKey(one, id, winner.id);
    }
    await completed(one, await one.created(simulate()));
    const acted = system.effects().map(({ actionId }) => actionId);
    expect(acted.filter((id) => [first.body.id, winner.id].includes(id))).toHaveLength(2);
    expect(acted).toHaveLength(3);
  });

  const failedByKey = async (client: Client, id: string, winnerId: string) => {
    await vi.waitFor(async () => {
      expect((await client.get(id)).body).toMatchObject({
        status: 'Failed',
        errorInfo: { code: 8, message: expect.stringContaining(winnerId) },
        states: [{ status: 'NotStarted' }, { status: 'Failed' }],
      });
    }, 30_000);
    const path = `${PATH}/${id}/history`;
    const history = await client.request<{ value: { type: string }[] }>('GET', path);
    expect(history.body.value.map(({ type }) => type)).toEqual(['created', 'failed']);
  };

  it('is known after the moment at which it was to be undone as soon as it is stored', async () => {
    await Promise.all(system.workers.map((worker) => worker.stop()));
    const client = await system.client();
    const { body, passed } = undoneSoon();
    const key = randomUUID();
    const first = await keyedCreate(client, key, body);
    expect(first.status).toBe(201);
    await passed();
    const other = await system.client({}, 1);
    const waiting = await keyedCreate(other, key, body);
    expect(waiting).toMatchObject({ status: 503, body: { error: { code: 'notYetVisible' } } });
    await system.startWorker();
    await vi.waitFor(async () => {
      const again = await keyedCreate(other, key, body);
      expect([again.status, again.body.id, isReplayed(again)]).toEqual([
        201,
        first.body.id,
        'true',
      ]);
    }, 30_000);
  });
});
