import { describe, expect, it } from 'vitest';
import { ApiError } from '#domain/errors';
import { Catalogue } from './catalogue.ts';
import { actionEntry, providerEntry } from './provider-entry.fixture.ts';
import { resolveScope } from './resolve-scope.ts';

const firewall = providerEntry({ aliases: ['FW'], actions: [actionEntry('BlockIp')] });
const twin = providerEntry({ vendor: 'Emca', actions: [actionEntry('Isolate')] });
const anything = providerEntry({ provider: 'Anything', allowUnknownActions: true });
const catalogue = new Catalogue([firewall, twin]);
const open = new Catalogue([firewall, anything]);

const EVERYTHING = { vendor: null, provider: null, name: null };
const resolve = (scope: Partial<typeof EVERYTHING | Record<string, string>>, entries = catalogue) =>
  resolveScope(entries, { ...EVERYTHING, ...scope });

function refusalOf(scope: Record<string, string>, entries = catalogue): Partial<ApiError> {
  try {
    return expect.unreachable(JSON.stringify(resolve(scope, entries)));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { code: error.code, message: error.message, target: error.target! };
  }
}

describe('the scope of a hold', () => {
  it('is everything where nothing is named', () => {
    expect(resolve({})).toEqual({ providerKey: null, actionName: null });
  });

  it('is spelled as the catalogue spells it, whatever the case and by alias', () => {
    expect(resolve({ vendor: 'ACME', provider: 'fw', name: 'blockip' })).toEqual({
      providerKey: 'Acme/Firewall',
      actionName: 'BlockIp',
    });
  });

  it('may be an action of whichever provider has it', () => {
    expect(resolve({ name: 'isolate' })).toEqual({ providerKey: null, actionName: 'Isolate' });
  });

  it('may be a name that no catalogue lists of a provider that takes any', () => {
    expect(resolve({ provider: 'Anything', name: 'Reboot' }, open)).toMatchObject({
      actionName: 'Reboot',
    });
  });

  it('is refused for such a name of no provider, or each misspelt one would be taken', () => {
    expect(refusalOf({ name: 'BlokIp' }, open)).toEqual({
      code: 'unknownAction',
      message:
        "unknown action 'BlokIp'; did you mean 'BlockIp'? known: BlockIp; one that the catalogue does not list takes a provider beside it",
      target: 'name',
    });
    expect(refusalOf({ vendor: 'Acme', provider: 'Firewall', name: 'Reboot' }, open).code).toBe(
      'unknownAction',
    );
  });

  it('is refused where it would cover nothing, with what is known', () => {
    expect(refusalOf({ vendor: 'Acme', provider: 'Firewal' })).toEqual({
      code: 'unknownProvider',
      message: expect.stringContaining("did you mean 'Acme/Firewall'?"),
      target: 'provider',
    });
    expect(refusalOf({ name: 'BlokIp' })).toEqual({
      code: 'unknownAction',
      message: "unknown action 'BlokIp'; did you mean 'BlockIp'? known: BlockIp, Isolate",
      target: 'name',
    });
    // The action of another provider.
    expect(refusalOf({ vendor: 'Acme', provider: 'Firewall', name: 'Isolate' }).target).toBe(
      'name',
    );
  });

  it('is refused where several vendors have a provider of that name', () => {
    expect(refusalOf({ provider: 'Firewall' })).toMatchObject({
      code: 'unknownProvider',
      target: 'vendor',
    });
  });
});
