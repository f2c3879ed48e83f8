import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import { Client, type ErrorBody, PUBLISHED_SAMPLE } from '../support/client.ts';
import { System } from '../support/system.ts';

const PROVIDERS = `
providers:
  - vendor: Acme
    provider: Anything
    type: simulated
    allowUnknownActions: true
  - vendor: Microsoft
    provider: Windows Defender ATP
    type: simulated
    capabilities: { idempotent: true }
    actions:
      - { name: BlockIp, target: IP, parameters: [{ name: IP, type: ipAddress, required: true }] }
`;

const SEED_SAMPLE = {
  '@odata.type': '#microsoft.graph.securityAction',
  actionReason: 'String',
  appId: 'String',
  azureTenantId: 'String',
  clientContext: 'String',
  completedDateTime: 'String (timestamp)',
  errorInfo: { '@odata.type': 'microsoft.graph.resultInfo' },
  lastActionDateTime: 'String (timestamp)',
  name: 'String',
  parameters: [{ '@odata.type': 'microsoft.graph.keyValuePair' }],
  states: [{ '@odata.type': 'microsoft.graph.securityActionState' }],
  status: 'String',
  user: 'String',
  vendorInformation: { '@odata.type': 'microsoft.graph.securityVendorInformation' },
};

const anything = (extra: object = {}) => ({
  name: 'Whatever',
  parameters: [] as { name: string; value: string }[],
  vendorInformation: { vendor: 'Acme', provider: 'Anything' },
  ...extra,
});

/** A valid body of exactly so many bytes. */
function bodyOfBytes(bytes: number): string {
  const frame = JSON.stringify(anything({ actionReason: '' }));
  return JSON.stringify(anything({ actionReason: 'x'.repeat(bytes - frame.length) }));
}

describe('POST /security/securityActions', () => {
  let system: System;
  let client: Client;

  beforeAll(async () => {
    const file = join(tmpdir(), `providers-${randomUUID()}.yaml`);
    writeFileSync(file, PROVIDERS);
    system = await System.start({ env: { PROVIDERS_FILE: file } });
    client = await system.client({ user: 'ann@example.com' });
  });
  afterAll(() => system?.stop());

  /** How many actions there are once everything accepted so far is stored: a marker of its own included. */
  const countActions = async () => {
    const marker = await client.created(anything());
    expect((await client.get(marker)).status).toBe(200);
    const [row] = await system.query<{ count: string }>('SELECT count(*) FROM security_action');
    return Number(row!.count);
  };

  describe('201', () => {
    it("answers Microsoft's published request with the resource, and completes it", async () => {
      const { status, headers, body } = await client.create(PUBLISHED_SAMPLE);
      expect(status).toBe(201);
      expect(headers.get('location')).toBe(
        `${client.url}/beta/security/securityActions/${body.id}`,
      );
      expect(body).toMatchObject({
        ...PUBLISHED_SAMPLE,
        appId: 'app-1',
        azureTenantId: 'tenant-a',
        clientContext: null,
        completedDateTime: null,
        errorInfo: null,
        status: 'NotStarted',
        user: 'ann@example.com',
        vendorInformation: { providerVersion: null, subProvider: null },
      });
      expect(body.lastActionDateTime).toBe(body.createdDateTime);
      expect(body.states).toEqual([
        {
          appId: 'app-1',
          status: 'NotStarted',
          updatedDateTime: body.createdDateTime,
          user: 'ann@example.com',
        },
      ]);
      const ended = await vi.waitFor(async () => {
        const answer = await client.get(body.id);
        expect(answer.body.status).toBe('Completed');
        return answer.body;
      }, 20_000);
      expect(ended.states.map((state) => state.status)).toEqual([
        'NotStarted',
        'Running',
        'Completed',
      ]);
      expect(ended.completedDateTime).toBe(ended.lastActionDateTime);
      expect(ended.createdDateTime).toBe(body.createdDateTime);
    });

    it('takes tenant, app and user from the token even when the body names others', async () => {
      const forged = { ...PUBLISHED_SAMPLE, azureTenantId: 'x', appId: 'x', user: 'x', id: 'x' };
      const { status, body } = await client.create(forged);
      expect(status).toBe(201);
      expect(body).toMatchObject({ azureTenantId: 'tenant-a', appId: 'app-1' });
      expect(body.id).not.toBe('x');
    });

    it('keeps properties that Graph does not declare, and gives them back', async () => {
      const extra = { ticket: { number: 7, tags: ['a', null] } };
      const id = await client.created(anything(extra));
      expect((await client.get(id)).body).toMatchObject(extra);
    });

    it.each(['', '/beta', '/v1.0'])('repeats the base path "%s" in its links', async (base) => {
      const path = `${base}/security/securityActions`;
      const { status, headers, body } = await client.request<
        SecurityAction & { '@odata.context': string }
      >('POST', path, { body: PUBLISHED_SAMPLE });
      expect(status).toBe(201);
      expect(headers.get('location')).toBe(`${client.url}${path}/${body.id}`);
      expect(body['@odata.context']).toBe(
        `${client.url}${base}/$metadata#security/securityActions/$entity`,
      );
    });

    it.each([20 * 1024, 64 * 1024])('takes a body of %i bytes', async (bytes) => {
      const { status } = await client.create(bodyOfBytes(bytes));
      expect(status).toBe(201);
    });

    it('takes 100 parameters', async () => {
      const parameters = Array.from({ length: 100 }, (_, n) => ({ name: `p${n}`, value: `${n}` }));
      const id = await client.created(anything({ parameters }));
      expect((await client.get(id)).body.parameters).toEqual(parameters);
    });

    it('takes a gzip body', async () => {
      const body = gzipSync(JSON.stringify(PUBLISHED_SAMPLE));
      const { status } = await client.create(body, { 'content-encoding': 'gzip' });
      expect(status).toBe(201);
    });
  });

  describe('400 and the like store nothing', () => {
    const expectRefused = async (
      body: unknown,
      expected: { status: number; target?: string },
      headers: Record<string, string> = {},
    ) => {
      const before = await countActions();
      const answer = await client.request<ErrorBody>('POST', 'beta/security/securityActions', {
        body,
        headers,
      });
      expect(answer.status).toBe(expected.status);
      expect(answer.body.error.innerError['request-id']).toBe(answer.headers.get('request-id'));
      if (expected.target) expect(answer.body.error.target).toBe(expected.target);
      // Only the marker is new.
      expect(await countActions()).toBe(before + 1);
      return answer.body.error;
    };

    it('names each wrong value of the generated sample, and what would be right', async () => {
      const error = await expectRefused(SEED_SAMPLE, { status: 400 });
      const said = error.details?.map(({ target, message }) => [target, message]);
      const date = 'must be an ISO 8601 date and time with an offset, or null';
      expect(Object.fromEntries(said!)).toEqual({
        completedDateTime: date,
        lastActionDateTime: date,
        'parameters[0].name': 'is required',
        status: 'must be NotStarted, Running, Completed or Failed',
      });
    });

    it('refuses 101 parameters', async () => {
      const parameters = Array.from({ length: 101 }, (_, n) => ({ name: `p${n}`, value: `${n}` }));
      await expectRefused(anything({ parameters }), { status: 400, target: 'parameters' });
    });

    it.each([
      ['U+0000 in a value', anything({ actionReason: 'a\u0000b' }), 'actionReason'],
      ['an unpaired surrogate', anything({ clientContext: '\ud800' }), 'clientContext'],
      ['U+0000 in an undeclared property', anything({ more: { deep: ['\u0000'] } }), 'more'],
      ['a wrapped body', { securityAction: PUBLISHED_SAMPLE }, 'securityAction'],
      ['no parameters', { ...PUBLISHED_SAMPLE, parameters: undefined }, 'parameters'],
      ['a long client context', anything({ clientContext: 'x'.repeat(257) }), 'clientContext'],
      [
        'an undeclared property of a parameter',
        anything({ parameters: [{ name: 'a', values: 'b' }] }),
        'parameters[0].values',
      ],
      ['a wrong @odata.type', anything({ '@odata.type': '#microsoft.graph.alert' }), '@odata.type'],
      [
        'an unknown provider',
        anything({ vendorInformation: { provider: 'Nope' } }),
        'vendorInformation.provider',
      ],
      ['an unknown action', { ...PUBLISHED_SAMPLE, name: 'Nope' }, 'name'],
      [
        'an ill-typed parameter',
        { ...PUBLISHED_SAMPLE, parameters: [{ name: 'IP', value: '1.2.3' }] },
        'parameters[0].value',
      ],
      ['a missing parameter', { ...PUBLISHED_SAMPLE, parameters: [] }, 'parameters'],
      ['a timed revert', anything({ revertAfter: 'PT1H' }), 'revertAfter'],
    ])('refuses %s', async (_, body, target) => {
      await expectRefused(body, { status: 400, target });
    });

    it.each([
      ['null', 'null', 400],
      ['an empty body', '', 400],
      ['broken JSON', '{"name":', 400],
      ['a list', '[]', 400],
      ['65 KiB', bodyOfBytes(65 * 1024), 413],
    ])('refuses %s', async (_, body, status) => {
      await expectRefused(body, { status });
    });

    it('refuses a gzip body that grows beyond the limit', async () => {
      const body = gzipSync(bodyOfBytes(200 * 1024));
      await expectRefused(body, { status: 413 }, { 'content-encoding': 'gzip' });
    });

    it('refuses another media type', async () => {
      await expectRefused('<action/>', { status: 415 }, { 'content-type': 'application/xml' });
    });
  });

  describe('401 and 403', () => {
    it('refuses a request without a token', async () => {
      const answer = await new Client(client.url, '').create(PUBLISHED_SAMPLE);
      expect(answer.status).toBe(401);
      expect(answer.body).toMatchObject({ error: { code: 'InvalidAuthenticationToken' } });
    });

    it('refuses a create by a token that may only read', async () => {
      const reader = await system.client({ roles: ['SecurityActions.Read.All'] });
      const answer = await reader.create(PUBLISHED_SAMPLE);
      expect(answer.status).toBe(403);
      expect(answer.body).toMatchObject({ error: { code: 'Authorization_RequestDenied' } });
      expect((await reader.list()).status).toBe(200);
    });
  });

  it('shows the catalogue', async () => {
    const { status, body } = await client.request<{ value: { provider: string }[] }>(
      'GET',
      'beta/security/securityActionProviders',
    );
    expect(status).toBe(200);
    expect(body.value.map(({ provider }) => provider)).toEqual([
      'Anything',
      'Windows Defender ATP',
    ]);
  });
});
