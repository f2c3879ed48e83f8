import { describe, expect, it } from 'vitest';
import type { CreateRequest } from '#domain/create-request';
import { ApiError } from '#domain/errors';
import { Catalogue } from './catalogue.ts';
import { actionEntry, providerEntry } from './provider-entry.fixture.ts';
import { planOf, resolveAction, targetKey } from './resolve.ts';

const block = actionEntry(
  'BlockIp',
  'IP',
  { name: 'IP', type: 'ipAddress', required: true },
  { name: 'minutes', type: 'integer' },
  { name: 'mode', pattern: 'soft|hard' },
);
const isolate = actionEntry('Isolate', 'host', { name: 'host', type: 'hostId' });
const catalogue = new Catalogue([
  providerEntry({ provider: 'Firewall', aliases: ['FW'], actions: [block, isolate] }),
  providerEntry({ vendor: 'Emca', provider: 'Firewall', actions: [block] }),
  providerEntry({ provider: 'Anything', allowUnknownActions: true, actions: [block] }),
]);

function request(
  { vendor = null, provider = null }: { vendor?: string | null; provider?: string | null } = {},
  parameters: Record<string, string | null> = { IP: '1.2.3.4' },
  name = 'BlockIp',
): CreateRequest {
  return {
    name,
    parameters: Object.entries(parameters).map(([key, value]) => ({ name: key, value })),
    vendorInformation: { vendor, provider, providerVersion: null, subProvider: null },
    actionReason: null,
    clientContext: null,
    properties: {},
    revertDateTime: null,
    revertAfter: null,
  };
}

const acme = { vendor: 'Acme', provider: 'Firewall' };
const resolve = (...given: Parameters<typeof request>) =>
  resolveAction(catalogue, request(...given));

/** The refusal of a request. */
function refusalOf(...given: Parameters<typeof request>): ApiError {
  try {
    resolve(...given);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('It was resolved.');
}

describe('resolveAction', () => {
  it.each([
    ['as the catalogue spells it', acme, 'BlockIp', 'IP'],
    ['in any case', { vendor: 'ACME', provider: 'fireWALL' }, 'blockIP', 'ip'],
    ['by an alias', { vendor: 'acme', provider: 'fw' }, 'BLOCKIP', 'Ip'],
    ['by an alias that only one vendor has', { provider: 'FW' }, 'BlockIp', 'IP'],
  ])('finds an action %s, and names it as the catalogue does', (_how, where, name, parameter) => {
    expect(resolve(where, { [parameter]: '1.2.3.4' }, name)).toEqual({
      provider: { key: 'Acme/Firewall', action: 'BlockIp' },
      target: '1.2.3.4',
    });
  });

  it.each([
    ['another vendor', { vendor: 'Initech', provider: 'Firewall' }, 'Initech/Firewall'],
    ['another provider', { vendor: 'Acme', provider: 'Mail' }, 'Acme/Mail'],
    ['a vendor alone', { vendor: 'Acme' }, 'Acme'],
    ['nothing', {}, ''],
  ])('says which providers there are when asked for %s', (_what, where, asked) => {
    const refusal = refusalOf(where);
    expect(refusal).toMatchObject({
      code: 'unknownProvider',
      httpStatus: 400,
      target: 'vendorInformation.provider',
    });
    expect(refusal.message).toContain(`unknown provider '${asked}'`);
    expect(refusal.message).toContain('known: Acme/Firewall, Emca/Firewall, Acme/Anything');
  });

  it('asks for the vendor when several have a provider of this name', () => {
    const refusal = refusalOf({ provider: 'Firewall' });
    expect(refusal).toMatchObject({
      code: 'unknownProvider',
      target: 'vendorInformation.vendor',
    });
    expect(refusal.message).toMatch(/'Firewall'.*: Acme, Emca$/);
  });

  it('says which actions there are when it knows none of this name, and which may be meant', () => {
    const refusal = refusalOf(acme, {}, 'BlockIpp');
    expect(refusal).toMatchObject({ code: 'unknownAction', httpStatus: 400, target: 'name' });
    expect(refusal.message).toMatch(
      /'BlockIpp' of Acme\/Firewall.*'BlockIp'.*known: BlockIp, Isolate$/,
    );
  });

  it('shortens what it lists when there is much', () => {
    const actions = Array.from({ length: 30 }, (_, index) => actionEntry(`Action${index}`));
    const many = new Catalogue([providerEntry({ actions })]);
    expect(() => resolveAction(many, request(acme))).toThrow(/Action19 and 10 more$/);
    const none = new Catalogue([providerEntry()]);
    expect(() => resolveAction(none, request(acme))).toThrow(/known: \(none\)$/);
  });

  it('takes whatever a provider says that it takes, and still checks what it lists', () => {
    const anything = { vendor: 'Acme', provider: 'Anything' };
    expect(resolve(anything, { whatever: 'x' }, 'Whatever')).toEqual({
      provider: { key: 'Acme/Anything', action: 'Whatever' },
      target: null,
    });
    expect(resolve(anything, { IP: '1.2.3.4', more: 'x' }).target).toBe('1.2.3.4');
    expect(refusalOf(anything, { IP: 'x' }).target).toBe('parameters[0].value');
  });
});

describe('parameters', () => {
  it.each([
    ['parameters', 'required: an IPv4 or IPv6 address', {}],
    ['parameters[0].value', "'IP' must be an IPv4 or IPv6 address", { ip: '1.2.3' }],
    ['parameters[0].value', "'IP' must be an IPv4 or IPv6 address", { IP: null }],
    ['parameters[1].value', "'minutes' must be an integer", { IP: '::1', minutes: 'soon' }],
    [
      'parameters[1].value',
      "'mode' must be a text that matches soft|hard",
      { IP: '::1', mode: 'x' },
    ],
    ['parameters[1].value', "'mode' must be", { IP: '::1', mode: 'softer' }],
    [
      'parameters[1].name',
      "unknown parameter 'port'; known: IP, minutes, mode",
      { IP: '::1', port: '1' },
    ],
    ['parameters[1].name', "'ip' is given twice", { IP: '::1', ip: '::1' }],
    ['parameters[1].name', "unknown parameter '__proto__'", { IP: '::1', ['__proto__']: '1' }],
  ])('are refused at %s: %s', (target, message, parameters) => {
    const refusal = refusalOf(acme, parameters);
    expect(refusal).toMatchObject({ code: 'invalidRequest', httpStatus: 400, target });
    expect(refusal.message).toContain(message);
  });

  it('are refused all at once', () => {
    const refusal = refusalOf(acme, { IP: 'x', minutes: 'x', port: '1' });
    expect(refusal.details?.map(({ target }) => target)).toEqual([
      'parameters[0].value',
      'parameters[1].value',
      'parameters[2].name',
    ]);
  });

  it('may be left out or null when they are optional', () => {
    expect(resolve(acme, { IP: '::1', minutes: null, mode: 'hard' }).target).toBe('::1');
  });

  it('need not name a target: then nothing orders the action', () => {
    const without: Record<string, string | null>[] = [{}, { host: null }];
    for (const parameters of without) {
      const resolution = resolve(acme, parameters, 'Isolate');
      expect([resolution.target, targetKey('tenant', resolution)]).toEqual([null, null]);
    }
  });
});

describe('targetKey', () => {
  const keyOf = (tenant: string, ...given: Parameters<typeof request>) =>
    targetKey(tenant, resolve(...given));

  it('is one for one target, however provider, action and target are spelled', () => {
    const keys = [
      keyOf('tenant', acme, { IP: '2001:db8::1' }),
      keyOf('tenant', { provider: 'fw' }, { ip: '2001:DB8:0::0001' }, 'blockip'),
      keyOf('tenant', { vendor: 'ACME', provider: 'FIREWALL' }, { IP: '2001:db8:0:0:0:0:0:1' }),
    ];
    expect(new Set(keys).size).toBe(1);
  });

  it('differs by tenant, provider and target', () => {
    const keys = [
      keyOf('tenant', acme),
      keyOf('Tenant', acme),
      keyOf('tenant', { vendor: 'Emca', provider: 'Firewall' }),
      keyOf('tenant', acme, { IP: '1.2.3.5' }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('planOf', () => {
  it('says what a create would do, or refuses as it would', () => {
    expect(planOf(catalogue, request({ provider: 'fw' }, { ip: '::FFFF:1.2.3.4' }))).toMatchObject({
      vendorInformation: acme,
      name: 'BlockIp',
      target: '1.2.3.4',
      revert: null,
      capabilities: { idempotent: false },
    });
    expect(() => planOf(catalogue, request(acme, {}))).toThrow(refusalOf(acme, {}));
  });
});

describe('a timer', () => {
  const withRevert = { ...isolate, revert: 'release' };
  const release = actionEntry('Release', 'host', { name: 'host', type: 'hostId' });
  const known = new Catalogue([
    providerEntry({ actions: [withRevert, release], allowUnknownActions: true }),
  ]);
  const timed = (name: string, parameters: Record<string, string>) => ({
    ...request(acme, parameters, name),
    revertAfter: 'PT1H',
  });

  it('is part of the plan of an action that the catalogue has a revert for', () => {
    expect(planOf(known, timed('isolate', { host: 'h1' }))).toMatchObject({
      revert: 'release',
      revertAfter: 'PT1H',
      revertDateTime: null,
    });
  });

  it.each([
    ['has no revert', 'Release', { host: 'h1' }, /no revert for Release of Acme\/Firewall/],
    ['is not in the catalogue', 'Wipe', { host: 'h1' }, /no revert for Wipe/],
    ['has no target', 'Isolate', {}, /Isolate was given no target/],
  ])('is refused for an action that %s', (_what, name, parameters, message) => {
    const body = timed(name, parameters);
    expect(() => resolveAction(known, body)).toThrow(message);
    expect(() => resolveAction(known, { ...body, revertAfter: null })).not.toThrow();
    const at = { ...body, revertAfter: null, revertDateTime: '2099-01-01T00:00:00.000Z' };
    expect(() => resolveAction(known, at)).toThrow(/^revertDateTime: /);
  });
});
