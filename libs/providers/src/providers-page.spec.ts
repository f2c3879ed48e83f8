import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ATTEMPT, actionWith } from './action.fixture.ts';
import { loadCatalogue } from './catalogue.ts';
import { SECRET, webhookTo } from './product.fixture.ts';
import { type Subject, describeConformance } from './provider-conformance.fixture.ts';
import type { Provider } from './provider.ts';
import { WebhookProvider } from './webhook.provider.ts';

/* What docs/providers.md tells its reader to copy is run as it stands there. */

const page = readFileSync('docs/providers.md', 'utf8');

/** The first block of this language, without the indentation of the list it may be in. */
function block(language: string): string {
  const [, indent, text] = new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\``, 'm').exec(
    page,
  )!;
  return text!.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
}

const directory = mkdtempSync(join(tmpdir(), 'providers-page-'));
afterAll(() => rmSync(directory, { recursive: true }));
const never = new AbortController().signal;

describe('the receiver of docs/providers.md', () => {
  const printed: string[] = [];
  let url: string;
  let stop: () => void;

  beforeAll(async () => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', block('js')], {
      env: { PORT: '0', ACME_WEBHOOK_SECRET: SECRET },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    stop = () => child.kill();
    url = await new Promise<string>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the receiver ended with ${code}`)));
      createInterface(child.stdout).on('line', (line) => {
        printed.push(line);
        const [address] = /http:\S+/.exec(line) ?? [];
        if (address) resolve(address);
      });
    });
  });
  afterAll(() => stop());

  it('is called by the entry of the page, acts, and acts no second time', async () => {
    const path = join(directory, 'providers.yaml');
    writeFileSync(path, block('yaml'));
    const [entry] = loadCatalogue(path, () => SECRET).providers;
    if (entry?.type !== 'webhook') throw new Error('the entry of the page is no webhook');
    const provider = new WebhookProvider({ ...entry, url }, () => SECRET);
    for (const number of [1, 2]) {
      const attempt = { id: `attempt-${number}`, number, targetKey: null };
      const outcome = await provider.execute(actionWith({ IP: '203.0.113.7' }), attempt, never);
      expect(outcome).toEqual({ kind: 'completed' });
    }
    expect(printed.filter((line) => line === 'blocking 203.0.113.7')).toHaveLength(1);
    await provider.close();
  });

  it('refuses what it cannot do, and says why', async () => {
    const provider = webhookTo(url);
    const action = actionWith({}, { id: 'another', name: 'IsolateHost' });
    expect(await provider.execute(action, ATTEMPT, never)).toMatchObject({
      kind: 'failed',
      errorInfo: { code: 4, message: 'cannot IsolateHost' },
    });
    await provider.close();
  });

  it('lets nobody in who does not have the secret', async () => {
    const provider = webhookTo(url, {}, 'whsec_c29tZSBvdGhlciBzZWNyZXQ=');
    const action = actionWith({ IP: '203.0.113.8' }, { id: 'third' });
    expect(await provider.execute(action, ATTEMPT, never)).toMatchObject({
      kind: 'unavailable',
      subcode: 401,
    });
    expect(printed.join()).not.toContain('203.0.113.8');
    await provider.close();
  });
});

/** The class of the page, on a file that is empty at first. */
async function subject(file: string, parameters: Record<string, string>): Promise<Subject> {
  const path = join(mkdtempSync(join(directory, 'list-')), file);
  const code = encodeURIComponent(stripTypeScriptTypes(block('ts')));
  const { BlocklistProvider } = (await import(`data:text/javascript,${code}`)) as {
    BlocklistProvider: new (file: string) => Provider;
  };
  const effects = () =>
    existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean).length : 0;
  return { provider: new BlocklistProvider(path), action: actionWith(parameters), effects };
}

describeConformance('the class of docs/providers.md', {
  capabilities: { cancel: false, probe: true },
  products: {
    acts: () => subject('blocklist', { IP: '203.0.113.7' }),
    refuses: () => subject('blocklist', {}),
    isAway: () => subject('missing/blocklist', { IP: '203.0.113.7' }),
  },
});
