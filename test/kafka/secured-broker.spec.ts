import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { run, runOrThrow } from '../../dev/process/run.ts';
import { root } from '../../dev/repository.ts';
import { type Client, simulate } from '../support/client.ts';
import { ensureKafkaTools } from '../support/kafka-tools.ts';
import { ensureKcat } from '../support/kcat.ts';
import { type SecuredKafka, startSecuredKafka } from '../support/secured-kafka.ts';
import { System } from '../support/system.ts';
import { fencedBlocks } from '../support/tidy/markdown.ts';
import { read } from '../support/tidy/repository.ts';

const PAGE = 'docs/kafka.md';
// More than a dozen JVMs one after the other, on a busy machine.
const START_TIMEOUT_MS = 6 * 60_000;
const SAMPLE_TIMEOUT_MS = 2 * 60_000;

const SETUP = 'security-actions-setup';
const API = 'security-actions-api';
const WORKER = 'security-actions-worker';
const BY_SCRAM = [
  [API, 'SCRAM-SHA-256'],
  [WORKER, 'SCRAM-SHA-512'],
  ['stream-job', 'SCRAM-SHA-512'],
] as const;
const BY_PLAIN = [SETUP, 'stream-job', 'siem', 'host-agent'];

/** The part of the page, in that language, that has a text in it. */
function block(language: string, text: string): string {
  const found = fencedBlocks(PAGE, language).filter((one) => one.includes(text));
  if (found.length !== 1) throw new Error(`${PAGE}: ${found.length} blocks with ${text}`);
  return found[0]!;
}

const directory = mkdtempSync(join(tmpdir(), 'security-actions-secured-'));
const caFile = join(directory, 'ca.pem');
const passwordFile = join(directory, 'password');
const password = randomBytes(12).toString('hex');
const kcat = await ensureKcat();
const tools = await ensureKafkaTools(directory);
const isPossible = kcat !== undefined && tools !== undefined;

describe.skipIf(!isPossible)('a broker that trusts nobody', { timeout: SAMPLE_TIMEOUT_MS }, () => {
  let kafka: SecuredKafka;
  let system: System;
  let client: Client;
  /** What the service is told, as the page has it. */
  let settings: Record<string, string>;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    const passwords = Object.fromEntries(BY_PLAIN.map((user) => [user, password]));
    kafka = await startSecuredKafka(join(directory, 'kafka'), passwords);
    writeFileSync(caFile, kafka.authority);
    writeFileSync(passwordFile, `${password}\n`);
    env = { ...kcat, PATH: `${tools}:${kcat!.PATH}` };
    await makeUsers();
    await shell(block('sh', 'allow()'), { KAFKA_BROKERS: kafka.operatorBrokers });
    settings = await settingsOfThePage();
    // The broker is this file's own: with the usual prefix, rights and samples fit as they stand.
    const common = { KAFKA_TOPIC_PREFIX: 'security-actions', PROVIDERS_FILE: providersFile() };
    system = await System.start({
      kafkaBrokers: kafka.brokers,
      apis: 0,
      workers: 0,
      env: { ...common, ...signedIn(SETUP, 'plain') },
    });
    await system.startApi(signedIn(API, 'scram-sha-256'));
    await system.startWorker(signedIn(WORKER, 'scram-sha-512'));
    client = await system.client();
    env = { ...env, KAFKA_BROKERS: kafka.brokers, TOKEN: client.token };
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    await system?.stop();
    await kafka?.process.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function makeUsers(): Promise<void> {
    for (const [user, mechanism] of BY_SCRAM) {
      const change = ['--alter', '--entity-type', 'users', '--entity-name', user];
      const secret = ['--add-config', `${mechanism}=[password=${password}]`];
      const command = `${tools}/kafka-configs.sh`;
      const place = ['--bootstrap-server', kafka.operatorBrokers];
      await runOrThrow('Making a user', [command, ...place, ...change, ...secret]);
    }
  }

  /** The page's text, with the places and secrets of this test. */
  const here = (text: string) =>
    text
      .replaceAll('kafka-1:9093,kafka-2:9093', kafka.brokers)
      .replaceAll('/etc/ssl/kafka-ca.pem', caFile)
      .replaceAll('/run/secrets/kafka', passwordFile)
      .replaceAll('<password>', password);
  const options = (more: NodeJS.ProcessEnv) => ({ cwd: root, env: { ...env, ...more } });
  const shell = (script: string, more: NodeJS.ProcessEnv = {}) =>
    runOrThrow('The sample', ['sh', '-euc', script], options(more));

  async function settingsOfThePage(): Promise<Record<string, string>> {
    const output = await shell(`${here(block('sh', 'export KAFKA_BROKERS=kafka-1'))} env`);
    const lines = output.split('\n').filter((line) => line.startsWith('KAFKA_'));
    return Object.fromEntries(lines.map((line) => line.split('=', 2) as [string, string]));
  }

  const signedIn = (KAFKA_SASL_USERNAME: string, KAFKA_SASL_MECHANISM: string) => ({
    ...settings,
    KAFKA_SASL_USERNAME,
    KAFKA_SASL_MECHANISM,
  });

  /** The shipped catalogue, and a provider that reads a topic. */
  function providersFile(): string {
    const { providers } = parse(read('config/providers.yaml')) as { providers: object[] };
    const isolate = {
      name: 'Isolate',
      target: 'host',
      parameters: [{ name: 'host', type: 'hostId' }],
    };
    const agent = { vendor: 'Acme', provider: 'Host Agent', type: 'kafka', actions: [isolate] };
    const file = join(directory, 'providers.yaml');
    writeFileSync(file, stringify({ providers: [...providers, agent] }));
    return file;
  }

  /** What makes kcat that user, by the file of the page. */
  function as(user: string): NodeJS.ProcessEnv {
    const KCAT_CONFIG = join(directory, `${user}.conf`);
    const text = here(block('ini', 'sasl.mechanisms'));
    writeFileSync(KCAT_CONFIG, text.replace('stream-job', user));
    return { KCAT_CONFIG };
  }

  const reaches = (id: string, expected: object) =>
    vi.waitFor(async () => expect((await client.get(id)).body).toMatchObject(expected), {
      timeout: 40_000,
      interval: 100,
    });

  /** The id of the action that was created under that name, once its completion is on the events topic. */
  const completed = (clientRequestId: string) =>
    vi.waitFor(
      async () => {
        const output = await shell(block('sh', 'kcat -C'), as('siem'));
        const isIt = (line: string) =>
          line.includes(`client-request-id=${clientRequestId}`) &&
          line.includes('ce_type=securityActions.completed');
        const id = /ce_subject=([\w-]+)/.exec(output.split('\n').find(isIt) ?? '')?.[1];
        expect(id).toBeDefined();
        return id!;
      },
      { timeout: 60_000, interval: 500 },
    );

  /** The next message of a topic, read as a member of a group. */
  const next = (user: string, group: string, topic: string) =>
    shell(
      `kcat -b "$KAFKA_BROKERS" -G ${group} -q -c 1 -X auto.offset.reset=earliest ${topic}`,
      as(user),
    );

  it('lets API and worker do their work with the rights of the page', async () => {
    const id = await client.created(simulate());
    await reaches(id, { status: 'Completed' });
    // It takes the groups' offsets to know that nothing of that id is on its way.
    expect((await client.get(randomUUID())).status).toBe(404);
  });

  it('lets who creates and who follows do theirs, with kcat as the page sets it up', async () => {
    await shell(block('sh', 'idempotency-key=alert-7'), as('stream-job'));
    const id = await completed('alert-7');
    await reaches(id, { status: 'Completed' });
    expect(await next('siem', 'siem.security-actions', 'security-actions.events')).toContain('{');
  });

  it("lets Kafka's own producer create, as the page sets it up", async () => {
    const file = join(directory, 'client.properties');
    writeFileSync(file, here(block('properties', 'sasl.jaas.config')));
    const sample = block('sh', 'kafka-console-producer.sh').trim();
    await shell(`${sample} --command-config ${file}`);
    const { body } = await client.get(await completed('alert-8'));
    expect(body.parameters).toEqual([{ name: 'IP', value: '203.0.113.8' }]);
  });

  it('lets a provider read what it is to do, and report', async () => {
    const ACTION = await client.created({
      name: 'Isolate',
      parameters: [{ name: 'host', value: 'web-1' }],
      vendorInformation: { vendor: 'Acme', provider: 'Host Agent' },
    });
    const topic = 'security-actions.dispatch.host-agent';
    const told = JSON.parse(await next('host-agent', 'host-agent', topic)) as object;
    expect(told).toMatchObject({ action: { id: ACTION } });
    await shell(block('sh', 'security-actions.reports -k'), { ...as('host-agent'), ACTION });
    await reaches(ACTION, { status: 'Failed', errorInfo: { code: 42 } });
  });

  it('puts aside what cannot be used', async () => {
    const produce = 'echo nonsense | kcat -P -b "$KAFKA_BROKERS" -t security-actions.requests';
    await shell(produce, as('stream-job'));
    const letter = 'SELECT code FROM dead_letter';
    await vi.waitFor(
      async () =>
        expect(await system.query(letter)).toEqual([{ code: 'InvalidAuthenticationToken' }]),
      { timeout: 40_000, interval: 100 },
    );
  });

  it.each([
    ['who creates', 'stream-job', 'write commands', '-P -t security-actions.commands'],
    [
      'who creates',
      'stream-job',
      'read the tokens of others',
      '-C -e -t security-actions.requests',
    ],
    ['who follows', 'siem', 'read dead letters', '-C -e -t security-actions.dead-letters'],
    ['who follows', 'siem', 'write events', '-P -t security-actions.events'],
    ['a provider', 'host-agent', 'read requests', '-C -e -t security-actions.requests'],
    [
      'a provider',
      'host-agent',
      'say what is to be done',
      '-P -t security-actions.dispatch.host-agent',
    ],
  ])('does not let %s (%s) %s', async (_who, user, _what, command) => {
    const script = `echo '{}' | kcat -b "$KAFKA_BROKERS" ${command}`;
    const { code, output } = await run('sh', ['-euc', script], options(as(user)));
    expect(output).toContain('Topic authorization failed');
    expect(code).not.toBe(0);
  });

  it('leaves neither API nor worker without a right that it wants', () => {
    const logs = [...system.apis, ...system.workers].map((process) => process.log());
    expect(logs.join('')).toContain('to the dead letters');
    const refused = logs.join('').match(/.*(?:AUTHORIZATION_FAILED|not authorized).*/gi);
    expect(refused).toBeNull();
  });

  it('says of a wrong password that it is one', async () => {
    const { KAFKA_SASL_PASSWORD_FILE: _, ...more } = {
      ...settings,
      KAFKA_SASL_USERNAME: SETUP,
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_PASSWORD: 'wrong',
    } as Record<string, string>;
    const setup = [`${root}/dist/apps/setup/src/main.js`, 'topics'];
    const { code, output } = await run(process.execPath, setup, options(more));
    expect(code).toBe(1);
    expect(output).toContain('Invalid username or password');
    expect(output).not.toContain(password);
  });
});
