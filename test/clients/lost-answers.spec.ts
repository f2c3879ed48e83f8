import { randomUUID } from 'node:crypto';
import { Client as GraphClient } from '@microsoft/microsoft-graph-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import { certificateFiles } from '../../dev/stack/certificates.ts';
import { type Client, PUBLISHED_SAMPLE } from '../support/client.ts';
import { LossyProxy } from '../support/lossy-proxy.ts';
import { System } from '../support/system.ts';
import { trustAuthority } from '../support/trust.ts';
import { KiotaActions } from './kiota.ts';

describe('a create whose answers are lost, and which the SDK sends again by itself', () => {
  let system: System;
  let client: Client;
  let proxy: LossyProxy;

  beforeAll(async () => {
    system = await System.start({ https: true });
    trustAuthority(system.caFile);
    client = await system.client();
    proxy = await LossyProxy.start(system.apis[0]!.url, certificateFiles(system.directory));
  });
  beforeEach(() => {
    proxy.losses = 2;
    proxy.attempts.length = 0;
  });
  afterAll(async () => {
    await proxy?.stop();
    await system?.stop();
  });

  /** One action, which has run once, and which the id of the last answer stands for. */
  const expectOne = async (actionReason: string, answeredId: string) => {
    expect(proxy.attempts).toEqual([undefined, '1', '2']);
    const { id } = (
      await vi.waitFor(async () => {
        const answer = await client.get(answeredId);
        expect(answer.body).toMatchObject({ actionReason, status: 'Completed' });
        return answer;
      }, 30_000)
    ).body;
    expect(id).not.toBe(answeredId);
    const page = await client.list(`?$filter=actionReason eq '${actionReason}'`);
    expect(page.body.value.map((action) => action.id)).toEqual([id]);
    expect(system.effects().map(({ actionId }) => actionId)).toContain(id);
    expect(system.effects()).toHaveLength(new Set(system.effects().map((e) => e.actionId)).size);
    const aliases = await system.query('SELECT FROM security_action_alias WHERE "actionId" = $1', [
      id,
    ]);
    expect(aliases).toHaveLength(2);
  };

  it('is one action with @microsoft/microsoft-graph-client', async () => {
    const graph = GraphClient.initWithMiddleware({
      authProvider: { getAccessToken: async () => system.issuer.token() },
      baseUrl: `${proxy.url}/`,
      defaultVersion: 'beta',
      customHosts: new Set(['localhost']),
    });
    const actionReason = randomUUID();
    const created = (await graph
      .api('/security/securityActions')
      .post({ ...PUBLISHED_SAMPLE, actionReason })) as SecurityAction;
    await expectOne(actionReason, created.id);
  });

  it('is one action with @microsoft/msgraph-beta-sdk, which sends no request id', async () => {
    const actions = new KiotaActions(`${proxy.url}/beta`, async () => system.issuer.token());
    const actionReason = randomUUID();
    const created = await actions.create({ ...PUBLISHED_SAMPLE, actionReason });
    await expectOne(actionReason, created.id!);
  });
});
