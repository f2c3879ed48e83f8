import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Catalogue, loadCatalogue, providerKey } from './catalogue.ts';

let directory: string;
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'catalogue-'))));
afterAll(() => rmSync(directory, { recursive: true }));

function loadText(text: string): Catalogue {
  const path = join(directory, 'providers.yaml');
  writeFileSync(path, text);
  return loadCatalogue(path);
}

const load = (...providers: unknown[]) => loadText(stringify({ providers }));

const entry = (more: object = {}) => ({
  vendor: 'Acme',
  provider: 'Firewall',
  type: 'simulated',
  ...more,
});
const withAction = (action: object) => entry({ actions: [{ name: 'Block', ...action }] });

/** Where a file with these providers has its mistakes; empty when it is taken. */
function mistakesOf(...providers: unknown[]): string[] {
  try {
    load(...providers);
    return [];
  } catch (error) {
    const [, ...lines] = (error as Error).message.split('\n');
    return lines.map((line) => /^ {2}(\S+): ./.exec(line)?.[1] ?? line);
  }
}

describe('the shipped catalogue', () => {
  const shipped = loadCatalogue('config/providers.yaml');

  it("takes Microsoft's published sample and has both simulators", () => {
    expect(shipped.providers.map(providerKey)).toEqual([
      'Microsoft/Windows Defender ATP',
      'SecurityActions/Simulator',
      'SecurityActions/Strict Simulator',
    ]);
    const defender = shipped.get('Microsoft/Windows Defender ATP')!;
    expect(defender.aliases).toContain('WindowsDefenderATP');
    expect(defender.actions.find(({ name }) => name === 'BlockIp')).toMatchObject({
      target: 'IP',
      revert: 'UnblockIp',
      parameters: [{ name: 'IP', type: 'ipAddress', required: true }],
    });
  });

  it('has an idempotent simulator, and a twin that is nothing of the kind', () => {
    const capabilitiesOf = (key: string) => shipped.get(key)?.capabilities;
    const all = { idempotent: true, cancel: true, probe: true };
    const none = { idempotent: false, cancel: false, probe: false };
    expect(capabilitiesOf('SecurityActions/Simulator')).toEqual(all);
    expect(capabilitiesOf('SecurityActions/Strict Simulator')).toEqual(none);
  });
});

describe('an entry', () => {
  it('is taken for the hardest kind of product unless it says otherwise', () => {
    const [provider] = load(
      entry({ actions: [{ name: 'Block', parameters: [{ name: 'IP' }] }] }),
    ).providers;
    expect(provider).toMatchObject({
      aliases: [],
      capabilities: { idempotent: false, cancel: false, probe: false },
      timeoutMs: 10_000,
      retry: { attemptsMax: 3, backoffMs: 500, backoffMsMax: 30_000 },
      concurrencyMax: 64,
      allowUnknownActions: false,
      actions: [{ name: 'Block', parameters: [{ name: 'IP', type: 'string', required: false }] }],
    });
  });

  it('is found under the key as the file spells it, not under an alias', () => {
    const catalogue = load(entry({ aliases: ['FW'] }));
    expect(catalogue.get('Acme/Firewall')).toBe(catalogue.providers[0]);
    expect([catalogue.get('acme/firewall'), catalogue.get('Acme/FW')]).toEqual([
      undefined,
      undefined,
    ]);
  });

  it.each([
    ['vendor', { vendor: '' }],
    ['provider', { provider: null }],
    ['aliases.0', { aliases: [''] }],
    ['type', { type: 'carrierPigeon' }],
    ['capabilities.idempotent', { capabilities: { idempotent: 'yes' } }],
    ['capabilities', { capabilities: { idempotend: true } }],
    ['timeoutMs', { timeoutMs: 0 }],
    ['timeoutMs', { timeoutMs: 600_001 }],
    ['retry.attemptsMax', { retry: { attemptsMax: 101 } }],
    ['retry.backoffMs', { retry: { backoffMs: 0.5 } }],
    ['concurrencyMax', { concurrencyMax: 0 }],
    ['actions.0.name', { actions: [{ name: '' }] }],
    [
      'actions.0.parameters.0.type',
      { actions: [{ name: 'A', parameters: [{ name: 'P', type: 'ip' }] }] },
    ],
    [
      'actions.0.parameters.0.pattern',
      { actions: [{ name: 'A', parameters: [{ name: 'P', pattern: '(' }] }] },
    ],
  ])('is refused for its %s: %j', (path, more) => {
    expect(mistakesOf(entry(more))).toEqual([`providers.0.${path}`]);
  });

  it.each([
    ['with the same name', { vendor: 'ACME', provider: 'FIREWALL' }],
    ['with an alias for it', { provider: 'Other', aliases: ['firewall'] }],
    ['whose key would be the same', { vendor: 'Acme/Fire', provider: 'wall' }],
  ])('is refused beside another one %s', (_what, more) => {
    const taken = [entry(), entry({ provider: 'Fire/wall' })];
    expect(mistakesOf(...taken, entry(more))).toEqual(['providers.2']);
  });

  it('may have the name of another vendor', () => {
    expect(mistakesOf(entry(), entry({ vendor: 'Emca' }))).toEqual([]);
  });
});

describe('an action', () => {
  const parameters = [{ name: 'IP' }];

  it.each([
    ['a target that is none of its parameters', 'target', { parameters, target: 'Host' }],
    ['a revert that its provider does not have', 'revert', { parameters, revert: 'Unblock' }],
    ['a parameter twice', 'parameters', { parameters: [{ name: 'IP' }, { name: 'ip' }] }],
  ])('is refused with %s', (_what, path, action) => {
    expect(mistakesOf(withAction(action))).toEqual([`providers.0.actions.0.${path}`]);
  });

  it('is refused when its provider has it already', () => {
    const actions = [{ name: 'Block' }, { name: 'BLOCK' }];
    expect(mistakesOf(entry({ actions }))).toEqual(['providers.0.actions.1']);
  });

  it('names its target and its revert in any case', () => {
    const actions = [
      { name: 'Block', parameters, target: 'ip', revert: 'UNBLOCK' },
      { name: 'Unblock', parameters, target: 'IP' },
    ];
    expect(mistakesOf(entry({ actions }))).toEqual([]);
  });

  const ip = { name: 'IP', type: 'ipAddress', required: true };
  it.each([
    ['requires what it has not', { parameters: [ip, { name: 'rule', required: true }] }, 1],
    ['takes a parameter as another type', { parameters: [{ ...ip, type: 'string' }] }, 1],
    [
      'takes a parameter by another pattern',
      { parameters: [ip, { name: 'mode', pattern: 'a' }] },
      1,
    ],
    ['requires what may be left out', { parameters: [ip, { name: 'note', required: true }] }, 1],
    ['acts on something else', { parameters: [ip, { name: 'host' }], target: 'host' }, 1],
    ['has no target', { parameters: [ip], target: undefined }, 1],
    ['takes less, in any case', { parameters: [{ ...ip, name: 'ip' }], target: 'Ip' }, 0],
    ['takes more that may be left out', { parameters: [ip, { name: 'rule' }] }, 0],
  ])(
    'may name a revert that can be made of what it has, and none that %s',
    (_what, more, count) => {
      const actions = [
        {
          name: 'Block',
          target: 'IP',
          revert: 'Unblock',
          parameters: [ip, { name: 'mode', pattern: 'b' }, { name: 'note' }],
        },
        { name: 'Unblock', target: 'IP', ...more },
      ];
      expect(mistakesOf(entry({ actions }))).toEqual(
        Array(count).fill('providers.0.actions.0.revert'),
      );
    },
  );
});

describe('loadCatalogue', () => {
  it('lists every mistake at once, of whatever kind and wherever', () => {
    const mistaken = [
      entry({ timeoutMs: -1, extra: 1 }),
      withAction({ target: 'Host', revert: 'Unblock' }),
      entry({ vendor: 7 }),
      'none',
      entry({ vendor: 'Emca', aliases: ['Firewall'], actions: [{ name: 'A' }, { name: 'a' }] }),
    ];
    expect(new Set(mistakesOf(...mistaken))).toEqual(
      new Set([
        'providers.0.timeoutMs',
        'providers.0',
        'providers.1.actions.0.target',
        'providers.1.actions.0.revert',
        'providers.2.vendor',
        'providers.3',
        'providers.4',
        'providers.4.actions.1',
      ]),
    );
  });

  it.each(['', '[]', 'providers: []', 'providers: {}', 'provider: []', 'providers: 7'])(
    'refuses a file of %j',
    (text) => {
      expect(() => loadText(text)).toThrow(/^PROVIDERS_FILE \S+ has mistakes:\n {2}/);
    },
  );

  it('names the file that is not there or no YAML', () => {
    const missing = join(directory, 'missing.yaml');
    expect(() => loadCatalogue(missing)).toThrow(
      `PROVIDERS_FILE ${missing} cannot be read: ENOENT`,
    );
    for (const text of ['providers: [', 'providers: []\nproviders: []', 'a: *unknown']) {
      expect(() => loadText(text)).toThrow(/^PROVIDERS_FILE \S+ cannot be read: /);
    }
  });
});
