import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SecurityAction } from '#domain/security-action';
import { runOrThrow } from '../../dev/process/run.ts';
import { root } from '../../dev/repository.ts';
import { planStack } from '../../dev/stack/stack-environment.ts';
import { loadStackSettings } from '../../dev/stack-settings.ts';
import { type Client, type ErrorBody, type PageBody, PUBLISHED_SAMPLE } from '../support/client.ts';
import { ensureVirtualEnvironment } from '../support/python.ts';
import { System } from '../support/system.ts';
import { fencedBlocks } from '../support/tidy/markdown.ts';
import { buildGo } from './go-sample.ts';

const PAGE = 'docs/clients.md';
// The SDKs are slow to load, and to check the types of, on a busy machine.
const SAMPLE_TIMEOUT_MS = 3 * 60_000;
const PRINTED =
  /^created (?<id>[0-9a-f-]{36}): NotStarted\n1 BlockIp\n404 itemNotFound, request-id [0-9a-f-]{36}\n$/;

/** The samples of the page in one language. */
function samples(language: string, count = 1): string[] {
  const blocks = fencedBlocks(PAGE, language);
  if (blocks.length !== count) throw new Error(`${PAGE}: ${blocks.length} blocks of ${language}`);
  return blocks;
}

const [setup, curl] = samples('sh', 2) as [string, string];
const directory = mkdtempSync(join(tmpdir(), 'security-actions-samples-'));
const python = await ensureVirtualEnvironment(
  `${root}/test/clients/python/requirements.txt`,
  '3.11',
);
const go = await buildGo(samples('go')[0]!, join(directory, 'go'));

describe('docs/clients.md', { timeout: SAMPLE_TIMEOUT_MS }, () => {
  let system: System;
  let client: Client;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    system = await System.start({ https: true });
    client = await system.client();
    env = {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      GRAPH_URL: system.apis[0]!.httpsUrl,
      GRAPH_TOKEN: client.token,
      NODE_EXTRA_CA_CERTS: system.caFile,
      SSL_CERT_FILE: system.caFile,
    };
  });
  afterAll(async () => {
    await system?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const runSample = (command: string, ...args: string[]) =>
    runOrThrow('The sample', [command, ...args], { cwd: root, env });
  const expectCreated = async (id: string | undefined) => {
    const { status, body } = await client.get(String(id));
    expect(status).toBe(200);
    expect(body).toMatchObject(PUBLISHED_SAMPLE);
  };

  it('sets what the samples read, for a stack as `npm start` makes it', async () => {
    const script = `npm() { echo "$@"; }; ${setup} env`;
    const { httpsPort, caFile } = await planStack(loadStackSettings({}), {});
    const output = await runOrThrow('The set-up', ['sh', '-c', script], { cwd: root, env: {} });
    expect(output.split('\n')).toEqual(
      expect.arrayContaining([
        `GRAPH_URL=https://localhost:${httpsPort}`,
        'GRAPH_TOKEN=run --silent token',
        `NODE_EXTRA_CA_CERTS=${caFile}`,
        `SSL_CERT_FILE=${caFile}`,
      ]),
    );
  });

  it('shows what the samples print', () => {
    expect(samples('text')[0]).toMatch(PRINTED);
  });

  it('has a JavaScript sample that works', async () => {
    const output = await runSample(
      process.execPath,
      '--input-type=module',
      '--eval',
      samples('js')[0]!,
    );
    await expectCreated(PRINTED.exec(output)?.groups?.['id']);
  });

  it('has a TypeScript sample that works, and has no type wrong', async () => {
    const [sample] = samples('ts');
    const output = await runSample(
      process.execPath,
      '--input-type=module-typescript',
      '--eval',
      sample!,
    );
    await expectCreated(PRINTED.exec(output)?.groups?.['id']);
    // Within the repository, where its packages are found.
    mkdirSync(`${root}/.cache`, { recursive: true });
    const project = mkdtempSync(`${root}/.cache/sample-`);
    try {
      const options = { noEmit: true, incremental: false };
      const config = {
        extends: '../../tsconfig.json',
        compilerOptions: options,
        include: ['*.ts'],
      };
      writeFileSync(`${project}/tsconfig.json`, JSON.stringify(config));
      writeFileSync(`${project}/sample.ts`, sample!);
      await runSample('node_modules/.bin/tsc', '--project', project);
    } finally {
      rmSync(project, { recursive: true, force: true });
    }
  });

  it.skipIf(python === undefined)('has a Python sample that works', async () => {
    const output = await runSample(python!, '-c', samples('python')[0]!);
    await expectCreated(PRINTED.exec(output)?.groups?.['id']);
  });

  it.skipIf('reason' in go)('has a Go sample that works', async () => {
    if ('reason' in go) throw new Error(go.reason);
    const output = await runSample(go.program);
    // Its error has no code.
    const printed =
      /^created (?<id>[0-9a-f-]{36}): NotStarted\n1 BlockIp\n404 \[[0-9a-f-]{36}\]\n$/;
    await expectCreated(printed.exec(output)?.groups?.['id']);
  });

  it('has curl commands that work', async () => {
    const { id } = (await client.create(PUBLISHED_SAMPLE)).body;
    await vi.waitFor(async () => expect((await client.get(id)).body.status).toBe('Completed'));
    const output = await runSample('sh', '-c', curl);
    const [created, page, error] = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)) as [SecurityAction, PageBody, ErrorBody];
    expect(created.status).toBe('NotStarted');
    await expectCreated(created.id);
    expect(page.value).toMatchObject([{ name: 'BlockIp' }]);
    expect(error.error.code).toBe('itemNotFound');
  });
});
