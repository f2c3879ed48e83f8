import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadCatalogue } from './catalogue.ts';
import { certificatesFor } from './certificates.fixture.ts';
import type { SecretReader } from './webhook-entry.ts';

let directory: string;
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'webhook-entry-'))));
afterAll(() => rmSync(directory, { recursive: true }));

const secrets: SecretReader = (name) =>
  ({ GOOD: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', PLAIN: 'opensesame' })[name];

function load(entries: object[], secretOf?: SecretReader) {
  const path = join(directory, 'providers.yaml');
  writeFileSync(path, stringify({ providers: entries }));
  return loadCatalogue(path, secretOf).providers;
}

/** The lines of mistakes, without the `providers.` before each. */
function mistakesOf(entries: object[], secretOf?: SecretReader): string[] {
  try {
    load(entries, secretOf);
    return [];
  } catch (error) {
    const [, ...lines] = (error as Error).message.split('\n');
    return lines.map((line) => line.replace(/^ {2}providers\./, ''));
  }
}

const entry = (more: object = {}) => ({
  vendor: 'Acme',
  provider: 'Firewall',
  type: 'webhook',
  url: 'https://firewall.example/actions',
  secretEnv: 'GOOD',
  ...more,
});

describe('a webhook entry', () => {
  it('needs an address and a secret, and has limits of its own', () => {
    expect(load([entry()])[0]).toMatchObject({
      type: 'webhook',
      capabilities: { idempotent: false, cancel: false, probe: false },
      connectTimeoutMs: 3000,
      keepAliveMs: 4000,
      answerBytesMax: 65_536,
    });
  });

  it('can cancel and probe where it has an address for it, said or not', () => {
    const [both, one] = load([
      entry({ cancelUrl: 'http://a.example/c', probeUrl: 'http://a.example/p' }),
      entry({
        provider: 'Other',
        probeUrl: 'http://a.example/p',
        capabilities: { idempotent: true, cancel: false, probe: false },
      }),
    ]);
    expect(both!.capabilities).toEqual({ idempotent: false, cancel: true, probe: true });
    expect(one!.capabilities).toEqual({ idempotent: true, cancel: false, probe: true });
  });

  it('may not claim what it has no address for', () => {
    const capabilities = { cancel: true, probe: true };
    expect(mistakesOf([entry({ capabilities, timeoutMs: -1 })])).toEqual([
      expect.stringMatching(/^0\.timeoutMs: /),
      '0.capabilities.cancel: needs cancelUrl',
      '0.capabilities.probe: needs probeUrl',
    ]);
  });

  it.each([
    ['url', { url: undefined }],
    ['url', { url: 'ftp://firewall.example' }],
    ['url', { url: '/actions' }],
    ['url', { url: 'https://user:password@firewall.example' }],
    ['cancelUrl', { cancelUrl: 'mailto:a@b.example' }],
    ['probeUrl', { probeUrl: 7 }],
    ['secretEnv', { secretEnv: undefined }],
    ['secretEnv', { secretEnv: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=' }],
    ['connectionsMax', { connectionsMax: 0 }],
    ['connectTimeoutMs', { connectTimeoutMs: 60_001 }],
    ['keepAliveMs', { keepAliveMs: 0.5 }],
    ['answerBytesMax', { answerBytesMax: 1_048_577 }],
    ['tlsCaFile', { tlsCaFile: '' }],
  ])('is refused for its %s: %j', (path, more) => {
    expect(mistakesOf([entry(more)])).toEqual([
      expect.stringMatching(new RegExp(`^0\\.${path}: .`)),
    ]);
  });

  it('is not taken for one of another type', () => {
    expect(mistakesOf([entry({ type: 'simulated' }), entry({ type: 'pigeon' })])).toEqual([
      '0: Unrecognized keys: "url", "secretEnv"',
      '1.type: must be simulated, webhook or kafka',
    ]);
  });
});

describe('the secret of a webhook', () => {
  it('is asked for only where calls are made', () => {
    expect(mistakesOf([entry({ secretEnv: 'MISSING', tlsCaFile: 'missing.pem' })])).toEqual([]);
    expect(mistakesOf([entry()], secrets)).toEqual([]);
  });

  it('is listed when it is missing or malformed, with all other mistakes, and never shown', () => {
    const mistakes = mistakesOf(
      [
        entry({ secretEnv: 'MISSING', timeoutMs: -1 }),
        entry({ provider: 'B', secretEnv: 'PLAIN' }),
        entry({ provider: 'C' }),
        { vendor: 7 },
      ],
      secrets,
    );
    expect(mistakes).toEqual([
      expect.stringMatching(/^0\.timeoutMs: /),
      expect.stringMatching(/^3\.type: /),
      '0.secretEnv: MISSING is not set; it, or the file of MISSING_FILE, must hold whsec_<base64>',
      '1.secretEnv: PLAIN does not hold whsec_<base64>',
    ]);
    expect(mistakes.join()).not.toContain('opensesame');
  });

  it.each(['', 'whsec_', 'whsec_?', 'whsec_not base64', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'])(
    'is not %j',
    (secret) => {
      expect(mistakesOf([entry()], () => secret)).toEqual([
        '0.secretEnv: GOOD does not hold whsec_<base64>',
      ]);
    },
  );

  it('may be in a file that cannot be read', () => {
    const unreadable = () => {
      throw new Error('GOOD_FILE: ENOENT');
    };
    expect(mistakesOf([entry()], unreadable)).toEqual(['0.secretEnv: GOOD_FILE: ENOENT']);
  });
});

describe('the authorities of a webhook', () => {
  it('are read where calls are made, and must be certificates', async () => {
    const [good, bad] = [join(directory, 'ca.pem'), join(directory, 'bad.pem')];
    writeFileSync(good, (await certificatesFor('localhost')).authority);
    writeFileSync(bad, 'no certificate');
    expect(mistakesOf([entry({ tlsCaFile: good })], secrets)).toEqual([]);
    for (const tlsCaFile of [bad, join(directory, 'missing.pem')]) {
      expect(mistakesOf([entry({ tlsCaFile })], secrets)).toEqual([
        expect.stringContaining(`0.tlsCaFile: ${tlsCaFile} cannot be read as PEM certificates: `),
      ]);
    }
  });
});
