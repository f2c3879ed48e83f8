import { randomUUID } from 'node:crypto';
import { HttpMethod } from '@microsoft/kiota-abstractions';
import {
  createSecurityActionCollectionResponseFromDiscriminatorValue,
  type SecurityAction,
} from '@microsoft/msgraph-beta-sdk/models/index.js';
import type { ODataError } from '@microsoft/msgraph-beta-sdk/models/oDataErrors/index.js';
import { BatchRequestContent, PageIterator } from '@microsoft/msgraph-sdk-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PUBLISHED_SAMPLE, simulate } from '../support/client.ts';
import { System } from '../support/system.ts';
import { trustAuthority } from '../support/trust.ts';
import { createMany, waitingAction } from './actions.ts';
import { ERRORS, KiotaActions } from './kiota.ts';

describe('@microsoft/msgraph-beta-sdk over HTTPS', () => {
  let system: System;
  let actions: KiotaActions;

  beforeAll(async () => {
    system = await System.start({ https: true });
    trustAuthority(system.caFile);
    actions = connect('tenant-a');
  });
  afterAll(() => system?.stop());

  const connect = (tenant: string, token?: string) =>
    new KiotaActions(
      `${system.apis[0]!.httpsUrl}/beta`,
      async () => token ?? system.issuer.token({ tenant }),
    );
  const reaches = (id: string, status: string) =>
    vi.waitFor(async () => expect((await actions.get(id)).status).toBe(status), 30_000);
  const failure = (call: Promise<unknown>): Promise<ODataError> =>
    call.then(
      () => expect.fail('the call succeeded'),
      (error: ODataError) => error,
    );

  it('creates an action from its model, gets it, and sees it complete', async () => {
    const created = await actions.create({ ...PUBLISHED_SAMPLE, clientContext: null });
    expect(created).toMatchObject({ ...PUBLISHED_SAMPLE, status: 'NotStarted' });
    expect(created.createdDateTime).toBeInstanceOf(Date);
    await reaches(created.id!, 'Completed');
    const { states } = await actions.get(created.id!);
    expect(states?.map(({ status }) => status)).toEqual(['NotStarted', 'Running', 'Completed']);
  });

  it('keeps what its model does not know, and sends it before what it knows', async () => {
    const additionalData = { ticket: 'INC-1', nested: { number: 7 } };
    const { id } = await actions.create({ ...PUBLISHED_SAMPLE, additionalData });
    expect((await actions.get(id!)).additionalData).toMatchObject({ ticket: 'INC-1' });
    const { body } = await (await system.client()).get(id!);
    expect(body).toMatchObject({ ...PUBLISHED_SAMPLE, ...additionalData });
  });

  it('gets only what it selects', async () => {
    const { id } = await actions.create(PUBLISHED_SAMPLE);
    const selected = await actions.get(id!, { query: { select: ['id', 'name'] } });
    expect(selected).toMatchObject({ id, name: 'BlockIp' });
    expect(selected.status).toBeUndefined();
  });

  describe('a list', () => {
    let many: KiotaActions;
    let ids: string[];

    beforeAll(async () => {
      many = connect('tenant-many');
      ids = await createMany(await system.client({ tenant: 'tenant-many' }), 250);
    });

    const iterate = async (first: Awaited<ReturnType<KiotaActions['list']>>) => {
      const seen: SecurityAction[] = [];
      const iterator = new PageIterator<SecurityAction>(
        many.adapter,
        first as ConstructorParameters<typeof PageIterator<SecurityAction>>[1],
        (action) => seen.push(action) > 0,
        createSecurityActionCollectionResponseFromDiscriminatorValue,
        ERRORS,
      );
      await iterator.iterate();
      return seen;
    };

    it('of 250 actions is paged through by the PageIterator, which sees each once and then ends', async () => {
      const seen = (await iterate(await many.list())).map(({ id }) => id);
      expect(seen).toHaveLength(250);
      expect(new Set(seen)).toEqual(new Set(ids));
    });

    it('is filtered, ordered, selected, cut and counted at once, and keeps that on every page', async () => {
      const page = await many.list({
        filter: "startswith(clientContext,'n1') and status ne 'Failed'",
        orderby: ['clientContext desc', 'id'],
        select: ['id', 'clientContext'],
        top: 40,
        count: true,
      });
      // n1, n10 to n19, n100 to n199.
      expect(page.odataCount).toBe(111);
      expect(page.value).toHaveLength(40);
      const seen = await iterate(page);
      const contexts = seen.map(({ clientContext }) => clientContext!);
      expect(contexts).toHaveLength(111);
      expect(contexts).toEqual(contexts.toSorted().toReversed());
      expect(seen.at(-1)!.name).toBeUndefined();
    });

    it('is counted, also when filtered', async () => {
      expect(await many.count()).toBe(250);
      expect(await many.count({ filter: "clientContext eq 'n7'" })).toBe(1);
    });
  });

  it('cancels without a body and without a content type', async () => {
    const { id, release } = await waitingAction(await system.client());
    await actions.cancel(id);
    expect(await actions.get(id)).toMatchObject({ status: 'Failed', errorInfo: { code: 1 } });
    await release();
  });

  it('reports with PATCH, as a provider does', async () => {
    const { id } = await actions.create(simulate({ outcome: 'Stall' }, 'Strict Simulator'));
    await reaches(id!, 'Running');
    const errorInfo = { code: 42, message: 'no such host', subcode: 404 };
    const patched = await actions.patch(id!, { status: 'Failed', errorInfo });
    expect(patched).toMatchObject({ id, status: 'Failed', errorInfo });
  });

  it('deletes what has ended, only in the version it has seen', async () => {
    const { id } = await actions.create(PUBLISHED_SAMPLE);
    await reaches(id!, 'Completed');
    const stale = actions.delete(id!, { headers: { 'If-Match': 'W/"1"' } });
    expect((await failure(stale)).responseStatusCode).toBe(412);
    await actions.delete(id!);
    expect((await failure(actions.get(id!))).responseStatusCode).toBe(404);
  });

  it('sends a batch, whose bodies are base64, and reads the status of each', async () => {
    const { id: waiting, release } = await waitingAction(await system.client());
    const batch = new BatchRequestContent(actions.adapter, ERRORS);
    const item = '{+baseurl}/security/securityActions/{securityAction%2Did}';
    const cancel = { id: waiting };
    batch.addBatchRequest(actions.createRequest({ ...PUBLISHED_SAMPLE, clientContext: 'b' }), '1');
    batch.addBatchRequest(
      actions.request(HttpMethod.POST, `${item}/cancelSecurityAction`, cancel),
      '2',
    );
    batch.addBatchRequest(actions.request(HttpMethod.GET, item, { id: 'missing' }), '3');
    const answer = await batch.postAsync();
    const statuses = await answer!.getResponsesStatusCodes();
    expect(Object.fromEntries(statuses)).toEqual({ 1: 201, 2: 200, 3: 404 });
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
    ['a bad token', 401, 'InvalidAuthenticationToken', () => connect('', 'no.token').list()],
    ['a missing action', 404, 'itemNotFound', () => actions.get(randomUUID())],
    ['an id it has to encode', 404, 'itemNotFound', () => actions.cancel('a b/c')],
  ])('reads status, code, message and request id of %s', async (_, status, code, call) => {
    const error = await failure(call());
    expect(error.responseStatusCode).toBe(status);
    expect(error.errorEscaped?.code).toBe(code);
    expect(error.errorEscaped?.message).toMatch(/.{10}/);
    const requestId = error.errorEscaped?.innerError?.requestId;
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(error.responseHeaders?.['request-id']).toEqual([requestId]);
    expect(error.errorEscaped?.innerError?.date).toBeInstanceOf(Date);
  });
});
