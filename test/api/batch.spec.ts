import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import { type Client, type ErrorBody, PUBLISHED_SAMPLE, simulate } from '../support/client.ts';
import { System } from '../support/system.ts';

interface Item {
  id: string;
  status: number;
  headers: Record<string, string>;
  body?: unknown;
}

const PATH = '/security/securityActions';
const JSON_TYPE = { 'Content-Type': 'application/json' };

describe('batches', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    system = await System.start();
    client = await system.client();
  });
  afterAll(() => system?.stop());

  const send = async (requests: object[], by = client): Promise<Item[]> => {
    const body = { requests };
    const answer = await by.request<{ responses: Item[] }>('POST', 'beta/$batch', { body });
    expect(answer.status).toBe(200);
    return answer.body.responses;
  };
  const create = (id: string, body: unknown, dependsOn?: string[]) => ({
    id,
    method: 'POST',
    url: PATH,
    headers: JSON_TYPE,
    body,
    dependsOn,
  });

  it('create, read and count, each after what it depends on', async () => {
    const earlier = await client.created(PUBLISHED_SAMPLE);
    const [created, read, counted] = await send([
      create('create', PUBLISHED_SAMPLE),
      { id: 'read', method: 'GET', url: `${PATH}/${earlier}`, dependsOn: ['create'] },
      { id: 'count', method: 'GET', url: `${PATH}/$count`, dependsOn: ['read'] },
    ]);
    const action = created!.body as SecurityAction;
    expect(created).toMatchObject({
      status: 201,
      headers: { Location: `${client.url}/beta${PATH}/${action.id}` },
      body: { name: 'BlockIp', status: 'NotStarted', appId: 'app-1' },
    });
    expect(created!.headers['Content-Type']?.split(';')[0]).toBe('application/json');
    expect(read).toMatchObject({ status: 200, body: { id: earlier } });
    expect(counted).toMatchObject({ status: 200, body: expect.stringMatching(/^\d+$/) });
    expect((await client.get(action.id)).body.id).toBe(action.id);
  });

  it('create twenty actions at once, and read them', async () => {
    const tenant = await system.client({ tenant: 'tenant-twenty' });
    const created = await send(
      Array.from({ length: 20 }, (_, index) => create(`${index}`, simulate())),
      tenant,
    );
    expect(created.map(({ id, status }) => [id, status])).toEqual(
      Array.from({ length: 20 }, (_, index) => [`${index}`, 201]),
    );
    const ids = created.map(({ body }) => (body as SecurityAction).id);
    expect(new Set(ids).size).toBe(20);
    const read = await send(
      ids.map((id) => ({ id, method: 'GET', url: `${PATH}('${id}')` })),
      tenant,
    );
    expect(read.map(({ id, body }) => [id, (body as SecurityAction).id])).toEqual(
      ids.map((id) => [id, id]),
    );
  });

  it('make no row for what is refused or depends on it', async () => {
    const tenant = await system.client({ tenant: 'tenant-refused' });
    const answers = await send(
      [
        create('bad', { ...PUBLISHED_SAMPLE, name: 'Unheard' }),
        create('good', PUBLISHED_SAMPLE, ['bad']),
        create('large', { ...PUBLISHED_SAMPLE, actionReason: 'x'.repeat(70_000) }),
      ],
      tenant,
    );
    expect(answers.map(({ status }) => status)).toEqual([400, 424, 413]);
    expect(answers.map(({ body }) => (body as ErrorBody).error.code)).toEqual([
      'unknownAction',
      'failedDependency',
      'requestEntityTooLarge',
    ]);
    expect((await tenant.list()).body.value).toEqual([]);
  });

  it('give nobody more than their token does', async () => {
    const reader = await system.client({ roles: ['SecurityActions.Read.All'] });
    const headers = { ...JSON_TYPE, Authorization: `Bearer ${client.token}` };
    const [written, read] = await send(
      [
        { ...create('write', PUBLISHED_SAMPLE), headers },
        { id: 'read', method: 'GET', url: PATH },
      ],
      reader,
    );
    expect([written!.status, read!.status]).toEqual([403, 200]);
    const nobody = await client.request('POST', 'beta/$batch', {
      body: { requests: [create('1', PUBLISHED_SAMPLE)] },
      headers: { authorization: '' },
    });
    expect(nobody.status).toBe(401);
  });

  it('are described by metadata that needs no token', async () => {
    const response = await fetch(`${client.url}/beta/$metadata`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/xml; charset=utf-8');
    expect(await response.text()).toContain('<EntityType Name="securityAction"');
  });
});
