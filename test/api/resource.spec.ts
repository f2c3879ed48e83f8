import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import { type Client, type ErrorBody, PUBLISHED_SAMPLE, simulate } from '../support/client.ts';
import { System } from '../support/system.ts';

/** A time as Graph's clients read it: UTC, milliseconds. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const ANYTHING = `
  - vendor: Acme
    provider: Anything
    type: simulated
    capabilities: { idempotent: true }
    allowUnknownActions: true
`;
const FULL = {
  ...PUBLISHED_SAMPLE,
  clientContext: 'incident 7',
  vendorInformation: {
    ...PUBLISHED_SAMPLE.vendorInformation,
    providerVersion: '10.0',
    subProvider: 'WindowsDefenderATP.SmartScreen',
  },
};

describe('the securityAction resource', () => {
  let system: System;
  let client: Client;
  let created: SecurityAction;
  let completed: SecurityAction;
  let failed: SecurityAction;

  beforeAll(async () => {
    const file = join(tmpdir(), `providers-${randomUUID()}.yaml`);
    writeFileSync(file, readFileSync('config/providers.yaml', 'utf8') + ANYTHING);
    system = await System.start({ env: { PROVIDERS_FILE: file } });
    client = await system.client({ user: 'ann@example.com' });
    created = (await client.create(FULL)).body;
    const failing = await client.created(simulate({ outcome: 'Failed' }));
    [completed, failed] = await Promise.all([ended(created.id), ended(failing)]);
  });
  afterAll(() => system?.stop());

  const ended = (id: string) =>
    vi.waitFor(async () => {
      const { body } = await client.get(id);
      expect(body.completedDateTime).not.toBeNull();
      return body;
    }, 30_000);
  const anything = (extra: object = {}) => ({
    name: 'Whatever',
    parameters: [] as object[],
    vendorInformation: { vendor: 'Acme', provider: 'Anything' },
    ...extra,
  });
  const stored = async (body: object) => (await client.get(await client.created(body))).body;
  const targetOf = async (body: object) => {
    const { status, body: refusal } = await client.request<ErrorBody>(
      'POST',
      'beta/security/securityActions',
      { body },
    );
    expect(status).toBe(400);
    return refusal.error.target;
  };

  it("has Graph's 15 properties in its order and no other, when created as when it has ended", () => {
    const names = (action: SecurityAction) =>
      Object.keys(action).filter((name) => !name.startsWith('@'));
    const declared =
      'id actionReason appId azureTenantId clientContext completedDateTime createdDateTime errorInfo ' +
      'lastActionDateTime name parameters states status user vendorInformation';
    expect(names(created)).toEqual(declared.split(' '));
    expect(names(completed)).toEqual(declared.split(' '));
    expect(names(failed)).toEqual(declared.split(' '));
  });

  describe('what the server sets', () => {
    it.each<[keyof SecurityAction, unknown, unknown]>([
      ['id', '1234567890', expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}$/)],
      ['appId', 'another', 'app-1'],
      ['azureTenantId', 'another', 'tenant-a'],
      ['user', 'bob@example.com', 'ann@example.com'],
      ['completedDateTime', '2019-01-10T12:23:23Z', null],
      ['createdDateTime', '2019-01-10T12:23:23.3333333Z', expect.stringMatching(TIME)],
      ['lastActionDateTime', '2019-01-10T12:23:23+02:00', expect.stringMatching(TIME)],
      ['errorInfo', { code: 9, message: 'no', subcode: 0 }, null],
      ['states', [{ status: 'completed' }], [expect.objectContaining({ status: 'NotStarted' })]],
      ['status', 'completed', 'NotStarted'],
    ])('%s is ignored when a client sends it', async (name, sent, kept) => {
      const { status, body } = await client.create({ ...FULL, [name]: sent });
      expect(status).toBe(201);
      expect(body[name]).toEqual(kept);
      expect(JSON.stringify(body[name])).not.toContain('2019-01-10');
    });

    it('user is null for an application without a person', async () => {
      const application = await system.client();
      const { body } = await application.create(FULL);
      expect(body.user).toBeNull();
      expect(body.states.map(({ user }) => user)).toEqual([null]);
    });

    it('completedDateTime, createdDateTime and lastActionDateTime are in UTC and in order', () => {
      expect(created.lastActionDateTime).toBe(created.createdDateTime);
      expect(created.completedDateTime).toBeNull();
      for (const action of [completed, failed]) {
        const { createdDateTime, lastActionDateTime, completedDateTime } = action;
        expect(createdDateTime).toMatch(TIME);
        expect(completedDateTime).toMatch(TIME);
        expect(lastActionDateTime).toBe(completedDateTime);
        expect(createdDateTime! <= completedDateTime!).toBe(true);
      }
    });

    it('errorInfo is a resultInfo when it is Failed, and null otherwise, not left out', () => {
      expect(created.errorInfo).toBeNull();
      expect(completed.errorInfo).toBeNull();
      expect(failed.errorInfo).toEqual({ code: 4, message: expect.any(String), subcode: 0 });
      expect(Object.keys(failed.errorInfo!)).toEqual(['code', 'message', 'subcode']);
    });

    it('states is the history: an entry of four properties for each status, the last one present', () => {
      for (const action of [created, completed, failed]) {
        for (const state of action.states) {
          expect(Object.keys(state)).toEqual(['appId', 'status', 'updatedDateTime', 'user']);
          expect(state.updatedDateTime).toMatch(TIME);
        }
        expect(action.states.at(-1)!.status).toBe(action.status);
        expect(action.states[0]).toMatchObject({ appId: 'app-1', user: 'ann@example.com' });
      }
    });

    it("status is spelled as operationStatus is declared, not as in Graph's example", async () => {
      const target = randomUUID();
      const running = await client.created(simulate({ delayMs: '5000', target }));
      const waiting = await client.created(simulate({ target }));
      // By id: what others created may be stored later than these, and a list shows only what is stored.
      const both = `?$filter=id in ('${running}','${waiting}')`;
      await vi.waitFor(async () => {
        const { value } = (await client.list(both)).body;
        expect(value.map(({ id, status }) => [id, status])).toEqual([
          [waiting, 'NotStarted'],
          [running, 'Running'],
        ]);
      });
      expect((await client.get(waiting)).body.status).toBe('NotStarted');
      expect([created.status, completed.status]).toEqual(['NotStarted', 'Completed']);
      expect(failed.states.map(({ status }) => status)).toEqual([
        'NotStarted',
        'Running',
        'Failed',
      ]);
    });
  });

  describe('what a client sets', () => {
    it('actionReason, clientContext, name, parameters and vendorInformation come back as they were sent', () => {
      expect(completed).toMatchObject(FULL);
    });

    it('actionReason and clientContext may be missing, and are null then', async () => {
      expect(await stored(anything())).toMatchObject({ actionReason: null, clientContext: null });
    });

    it('clientContext has up to 256 characters, and need not be unique', async () => {
      const clientContext = 'x'.repeat(255) + '\u{1F512}';
      for (let round = 0; round < 2; round += 1) {
        expect((await stored(anything({ clientContext }))).clientContext).toBe(clientContext);
      }
      expect(await targetOf(anything({ clientContext: `${clientContext}x` }))).toBe(
        'clientContext',
      );
    });

    it('name comes back in the case it was sent in, and is matched without case', async () => {
      const { id } = (await client.create({ ...FULL, name: 'blockIP' })).body;
      expect(await ended(id)).toMatchObject({ name: 'blockIP', status: 'Completed' });
    });

    it('vendorInformation is matched without case and by an alias, and comes back as it was sent', async () => {
      const vendorInformation = { vendor: 'MICROSOFT', provider: 'windowsdefenderatp' };
      const { body } = await client.create({ ...PUBLISHED_SAMPLE, vendorInformation });
      expect(body.vendorInformation).toEqual({
        provider: 'windowsdefenderatp',
        providerVersion: null,
        subProvider: null,
        vendor: 'MICROSOFT',
      });
    });

    it('vendorInformation needs no providerVersion and, where one provider fits, no vendor', async () => {
      const vendorInformation = { provider: 'WindowsDefenderATP' };
      const { status, body } = await client.create({ ...PUBLISHED_SAMPLE, vendorInformation });
      expect([status, body.vendorInformation]).toMatchObject([201, { vendor: null }]);
    });

    it('parameters is required, keeps its order, and may be empty where the action takes none', async () => {
      const parameters = [
        { name: 'URL', value: 'https://evil.example.com/?a=b#c' },
        { name: 'fileHash', value: null },
        { name: 'IP', value: '' },
      ];
      expect((await stored(anything({ parameters }))).parameters).toEqual(parameters);
      expect((await stored(anything())).parameters).toEqual([]);
      for (const missing of [undefined, null]) {
        expect(await targetOf(anything({ parameters: missing }))).toBe('parameters');
      }
    });

    it('a keyValuePair has a name that is not null, and a value that may be missing', async () => {
      for (const name of [undefined, null, '']) {
        expect(await targetOf(anything({ parameters: [{ name, value: 'x' }] }))).toBe(
          'parameters[0].name',
        );
      }
      const { parameters } = await stored(anything({ parameters: [{ name: 'a' }] }));
      expect(parameters).toEqual([{ name: 'a', value: null }]);
    });
  });

  describe('is an open type', () => {
    it('whose undeclared properties of any kind come back as they were sent, complex ones without a type name', async () => {
      const open = {
        ticket: 'INC-1',
        severity: 3,
        ratio: 0.5,
        flags: [true, null],
        nested: { a: { b: [{ c: '2019-01-10T12:23:23Z' }] } },
        Name: 'not the name',
      };
      expect(await stored(anything(open))).toMatchObject({ ...open, name: 'Whatever' });
    });

    it('whose annotations are read by clients only, and not kept', async () => {
      const annotations = { '@odata.id': 'x', 'name@odata.type': '#String' };
      const action = await stored(anything(annotations));
      expect(Object.keys(action).filter((name) => name.includes('@'))).toEqual([
        '@odata.context',
        '@odata.etag',
      ]);
    });

    it.each([
      ['parameters[0].extra', { parameters: [{ name: 'a', extra: 1 }] }],
      ['vendorInformation.extra', { vendorInformation: { provider: 'Anything', extra: 1 } }],
      ['errorInfo.extra', { errorInfo: { extra: 1 } }],
      ['states[0].extra', { states: [{ extra: 1 }] }],
    ])('whose complex types are closed: %s is 400', async (target, body) => {
      expect(await targetOf(anything(body))).toBe(target);
    });

    it.each(['#microsoft.graph.', 'microsoft.graph.'])(
      'whose types may be named with %s before them',
      async (prefix) => {
        const { status, body } = await client.create({
          '@odata.type': `${prefix}securityAction`,
          ...PUBLISHED_SAMPLE,
          errorInfo: { '@odata.type': `${prefix}resultInfo` },
          parameters: [{ '@odata.type': `${prefix}keyValuePair`, name: 'IP', value: '1.2.3.4' }],
          states: [{ '@odata.type': `${prefix}securityActionState` }],
          vendorInformation: {
            '@odata.type': `${prefix}securityVendorInformation`,
            ...PUBLISHED_SAMPLE.vendorInformation,
          },
        });
        expect([status, body.states.length]).toEqual([201, 1]);
        expect(JSON.stringify(body)).not.toContain('odata.type');
      },
    );
  });
});
