import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import { guard, unguard } from '../../dev/process/guard.ts';
import { processIdentity } from '../../dev/process/identity.ts';
import { runOrThrow } from '../../dev/process/run.ts';
import { root } from '../../dev/repository.ts';
import { type Client, simulate } from '../support/client.ts';
import { drained } from '../support/drained.ts';
import { ensureKafkaTools } from '../support/kafka-tools.ts';
import { ensureKcat } from '../support/kcat.ts';
import { produce } from '../support/produce.ts';
import { readTopic } from '../support/read-topic.ts';
import { System } from '../support/system.ts';
import { fencedBlocks } from '../support/tidy/markdown.ts';

const PAGE = 'docs/kafka.md';
// A JVM and, the first time, a download, on a busy machine.
const SAMPLE_TIMEOUT_MS = 3 * 60_000;

/** The sample of the page, in that language, that has a text in it. */
function sample(language: string, text: string): string {
  const found = fencedBlocks(PAGE, language).filter((block) => block.includes(text));
  if (found.length !== 1) throw new Error(`${PAGE}: ${found.length} blocks with ${text}`);
  return found[0]!;
}

const directory = mkdtempSync(join(tmpdir(), 'security-actions-kafka-samples-'));
const kcat = await ensureKcat();
const tools = await ensureKafkaTools(directory);

describe('docs/kafka.md', { timeout: SAMPLE_TIMEOUT_MS }, () => {
  let system: System;
  let client: Client;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    system = await System.start();
    client = await system.client();
    env = {
      PATH: process.env['PATH'],
      KAFKA_BROKERS: system.kafkaBrokers,
      TOKEN: client.token,
    };
  });
  afterAll(async () => {
    await system?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** The samples are for the default prefix, and every test has one of its own. */
  const here = (text: string) => text.replaceAll('security-actions.', `${system.topicPrefix}.`);
  const shell = (script: string, more: object = {}) =>
    runOrThrow('The sample', ['sh', '-euc', here(script)], { cwd: root, env: { ...env, ...more } });
  const javascript = (script: string) => ['--input-type=module', '--eval', here(script)];

  /** The action that was created under that name, once it has ended. */
  async function ended(clientRequestId: string): Promise<string> {
    return vi.waitFor(
      async () => {
        const rows = await system.query<{ id: string; status: string }>(
          'SELECT id, status FROM security_action WHERE "clientRequestId" = $1',
          [clientRequestId],
        );
        expect(rows).toMatchObject([{ status: 'Completed' }]);
        return rows[0]!.id;
      },
      { timeout: 30_000, interval: 100 },
    );
  }

  it('sets what the samples read', async () => {
    const script = `npm() { echo "$@"; }; ${sample('sh', 'export KAFKA_BROKERS=127')} env`;
    const output = await runOrThrow('The set-up', ['sh', '-c', script], { cwd: root, env: {} });
    const KAFKA_BROKERS = loadSettings({}).KAFKA_BROKERS.join(',');
    expect(output.split('\n')).toEqual(
      expect.arrayContaining([`KAFKA_BROKERS=${KAFKA_BROKERS}`, 'TOKEN=run --silent token']),
    );
  });

  it.skipIf(kcat === undefined)('creates with kcat, and shows its events', async () => {
    const create = sample('sh', 'idempotency-key=alert-7');
    await shell(create, kcat);
    const id = await ended('alert-7');
    // The same key and body: the same action.
    await shell(create, kcat);
    await drained(system, 'requests');
    await drained(system, 'commands');
    await vi.waitFor(
      async () => {
        const output = await shell(sample('sh', 'kcat -C'), kcat);
        const own = output.split('\n').filter((line) => line.includes(`ce_subject=${id},`));
        expect(own.map((line) => /ce_type=([\w.]+)/.exec(line)?.[1])).toEqual(
          ['created', 'started', 'completed'].map((type) => `securityActions.${type}`),
        );
        const [headers, value] = own.at(-1)!.split(/ (?=\{)/);
        expect(headers).toContain('client-request-id=alert-7');
        expect(JSON.parse(value!)).toMatchObject({ id, status: 'Completed' });
      },
      { timeout: 30_000, interval: 200 },
    );
    expect(await ended('alert-7')).toBe(id);
  });

  it.skipIf(tools === undefined)("creates with Kafka's own producer", async () => {
    const PATH = `${tools}:${env['PATH']}`;
    await shell(sample('sh', 'kafka-console-producer.sh'), { PATH });
    const { body } = await client.get(await ended('alert-8'));
    expect(body.parameters).toEqual([{ name: 'IP', value: '203.0.113.8' }]);
  });

  it('creates with kafkajs', async () => {
    const program = javascript(sample('js', 'kafka.producer('));
    await runOrThrow('The sample', [process.execPath, ...program], { cwd: root, env });
    const { body } = await client.get(await ended('alert-9'));
    expect(body.parameters).toEqual([{ name: 'IP', value: '203.0.113.9' }]);
  });

  it('follows events with kafkajs without repeats, until it is stopped', async () => {
    const id = await client.created(simulate());
    const program = javascript(sample('js', 'kafka.consumer('));
    const child = spawn(process.execPath, program, {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const identity = processIdentity(child.pid!) ?? 'gone';
    guard({ name: 'sample', pid: child.pid!, identity, stopSignal: 'SIGKILL' });
    const exit = once(child, 'exit');
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const printed = (...lines: string[]) =>
      vi.waitFor(
        () => {
          const own = output.split('\n').filter((line) => line.startsWith(id));
          expect(own).toEqual(lines.map((line) => `${id} ${line}`));
        },
        { timeout: 60_000, interval: 100 },
      );
    const events = [
      '1 securityActions.created NotStarted ',
      '2 securityActions.started Running ',
      '3 securityActions.completed Completed ',
    ];
    await printed(...events);
    // As after a crash of the relay: one comes again, behind a newer one, and then a new one.
    const messages = await readTopic(system, 'events', (all) =>
      all.some(({ headers }) => headers['ce_id'] === `${id}/3`),
    );
    const [repeat, last] = [2, 3].map((sequence) =>
      messages.find(({ headers }) => headers['ce_id'] === `${id}/${sequence}`)!,
    );
    const next = { ce_id: `${id}/4`, ce_sequence: '4', ce_type: 'securityActions.deleted' };
    await produce(system, 'events', [
      repeat!,
      { ...last!, headers: { ...last!.headers, ...next } },
    ]);
    await printed(...events, '4 securityActions.deleted Completed ');
    child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
    unguard(child.pid!);
  });

  it.skipIf(kcat === undefined)('reports with kcat', async () => {
    const ACTION = await client.created(simulate({ outcome: 'Stall' }));
    await shell(sample('sh', 'security-actions.reports -k'), { ...kcat, ACTION });
    await vi.waitFor(
      async () =>
        expect((await client.get(ACTION)).body).toMatchObject({
          status: 'Failed',
          errorInfo: { code: 42, message: 'no such host' },
        }),
      { timeout: 30_000, interval: 100 },
    );
  });
});
