import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { root } from '../../dev/repository.ts';
import { PUBLISHED_SAMPLE, simulate } from '../support/client.ts';
import { ensureVirtualEnvironment } from '../support/python.ts';
import { System } from '../support/system.ts';
import { createMany, waitingAction } from './actions.ts';
import { PythonActions, type PythonError } from './python-actions.ts';

const python = await ensureVirtualEnvironment(
  `${root}/test/clients/python/requirements.txt`,
  '3.11',
);

// The SDK loads 2,400 models to read the first action, and takes its time for each one after.
const OPTIONS = { timeout: 3 * 60_000 };

describe.skipIf(python === undefined)('msgraph-beta-sdk for Python over HTTPS', OPTIONS, () => {
  let system: System;
  let actions: PythonActions;
  const callers: PythonActions[] = [];

  beforeAll(async () => {
    system = await System.start({ https: true });
    actions = await connect('tenant-a');
  });
  afterAll(async () => {
    await Promise.all(callers.map((caller) => caller.stop()));
    await system?.stop();
  });

  const connect = async (tenant: string, token?: string) => {
    const caller = new PythonActions(python!, {
      url: system.apis[0]!.httpsUrl,
      token: token ?? (await system.issuer.token({ tenant })),
      caFile: system.caFile,
    });
    callers.push(caller);
    return caller;
  };
  const reaches = (id: string, status: string) =>
    vi.waitFor(async () => expect((await actions.get(id)).status).toBe(status), 30_000);
  const failure = (call: Promise<unknown>): Promise<PythonError> =>
    call.then(
      () => expect.fail('the call succeeded'),
      (error: PythonError) => error,
    );

  it('creates an action from its model, gets it, and sees it complete', async () => {
    const created = await actions.create(PUBLISHED_SAMPLE);
    expect(created).toMatchObject({ ...PUBLISHED_SAMPLE, status: 'NotStarted' });
    await reaches(created.id, 'Completed');
    const { states } = await actions.get(created.id);
    expect(states.map(({ status }) => status)).toEqual(['NotStarted', 'Running', 'Completed']);
  });

  it('gets only what it selects', async () => {
    const { id } = await actions.create(PUBLISHED_SAMPLE);
    const selected = await actions.get(id, { select: ['id', 'name'] });
    expect(selected).toMatchObject({ id, name: 'BlockIp' });
    expect(selected).not.toHaveProperty('status');
  });

  describe('a list', () => {
    let many: PythonActions;
    let ids: string[];

    beforeAll(async () => {
      many = await connect('tenant-many');
      ids = await createMany(await system.client({ tenant: 'tenant-many' }), 250);
    });

    it('of 250 actions is paged through by the PageIterator, which sees each once and then ends', async () => {
      const seen = (await many.iterate()).map(({ id }) => id);
      expect(seen).toHaveLength(250);
      expect(new Set(seen)).toEqual(new Set(ids));
    });

    it('of 250 actions is paged through by its nextLinks', async () => {
      expect(await many.follow({ top: 60 })).toEqual([60, 60, 60, 60, 10]);
    });

    it('is filtered, ordered, selected, cut and counted at once, and keeps that on every page', async () => {
      const query = {
        filter: "startswith(clientContext,'n1') and status ne 'Failed'",
        orderby: ['clientContext desc', 'id'],
        select: ['id', 'clientContext'],
        top: 40,
        count: true,
      };
      const page = await many.list(query);
      // n1, n10 to n19, n100 to n199.
      expect(page).toMatchObject({ count: 111, hasNext: true });
      expect(page.value).toHaveLength(40);
      const seen = await many.iterate(query);
      const contexts = seen.map(({ clientContext }) => clientContext!);
      expect(contexts).toHaveLength(111);
      expect(contexts).toEqual(contexts.toSorted().toReversed());
      expect(seen.at(-1)).not.toHaveProperty('name');
    });

    it('is counted, also when filtered', async () => {
      expect(await many.count()).toBe(250);
      expect(await many.count({ filter: "clientContext eq 'n7'" })).toBe(1);
    });
  });

  it.each([
    ['as documented', 'cancel'],
    ['by its qualified name', 'cancelQualified'],
  ] as const)('cancels %s', async (_, cancel) => {
    const { id, release } = await waitingAction(await system.client());
    await actions[cancel](id);
    expect(await actions.get(id)).toMatchObject({ status: 'Failed', errorInfo: { code: 1 } });
    await release();
  });

  it('reports with PATCH, as a provider does', async () => {
    const { id } = await actions.create(simulate({ outcome: 'Stall' }, 'Strict Simulator'));
    await reaches(id, 'Running');
    const errorInfo = { code: 42, message: 'no such host', subcode: 404 };
    const patched = await actions.patch(id, { status: 'Failed', errorInfo });
    expect(patched).toMatchObject({ id, status: 'Failed', errorInfo });
  });

  it('deletes what has ended, only in the version it has seen', async () => {
    const { id } = await actions.create(PUBLISHED_SAMPLE);
    await reaches(id, 'Completed');
    expect((await failure(actions.delete(id, 'W/"1"'))).status).toBe(412);
    await actions.delete(id);
    expect((await failure(actions.get(id))).status).toBe(404);
  });

  it('sends a batch, whose addresses are absolute, and reads the status of each', async () => {
    const { id: waiting, release } = await waitingAction(await system.client());
    const statuses = await actions.batch({
      create: { ...PUBLISHED_SAMPLE, clientContext: 'b' },
      cancel: waiting,
      get: 'missing',
    });
    expect(statuses).toEqual({ 1: 201, 2: 200, 3: 404 });
    await vi.waitFor(async () => {
      const { value } = await actions.list({ filter: "clientContext eq 'b'" });
      expect(value).toMatchObject([PUBLISHED_SAMPLE]);
    });
    expect((await actions.get(waiting)).errorInfo?.code).toBe(1);
    await release();
  });

  it.each([
    [
      'an unknown action',
      400,
      'unknownAction',
      () => actions.create({ ...PUBLISHED_SAMPLE, name: 'Nope' }),
    ],
    [
      'a bad token',
      401,
      'InvalidAuthenticationToken',
      async () => (await connect('', 'no.token')).list(),
    ],
    ['a missing action', 404, 'itemNotFound', () => actions.get(randomUUID())],
    ['an id it has to encode', 404, 'itemNotFound', () => actions.cancel('a b/c')],
  ])('reads status, code, message and request id of %s', async (_, status, code, call) => {
    const error = await failure(call());
    expect(error).toMatchObject({ status, code });
    expect(error.message).toMatch(/.{10}/);
    expect(error.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(error.header).toBe(error.requestId);
    expect(Math.abs(Date.now() - Date.parse(`${error.date}Z`))).toBeLessThan(60_000);
  });
});
