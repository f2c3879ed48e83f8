import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Parser } from '@asyncapi/parser';
import { Ajv, type ValidateFunction } from 'ajv';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSettings } from '#config/settings';
import { createKafka } from '#kafka/client';
import { Client } from '../support/client.ts';
import { produce } from '../support/produce.ts';
import { readTopic, type TopicMessage } from '../support/read-topic.ts';
import { System } from '../support/system.ts';

interface Message {
  headers: object;
  payload: object;
  examples: { name: string; headers: object; payload: unknown }[];
}

interface AsyncApi {
  asyncapi: string;
  channels: Record<string, { address: string; messages: Record<string, object> }>;
  components: { messages: Record<string, Message> };
}

const PROVIDERS = `
providers:
  - vendor: Acme
    provider: Host Agent
    type: kafka
    capabilities: { idempotent: true }
    actions:
      - name: Isolate
        target: host
        parameters:
          - { name: host, type: hostId, required: true }
`;

const ISOLATE = {
  name: 'Isolate',
  parameters: [{ name: 'host', value: 'web-1' }],
  vendorInformation: { provider: 'Host Agent' },
};

describe('GET /asyncapi.json', () => {
  let directory: string;
  let system: System;
  let client: Client;
  let document: AsyncApi;
  const ajv = new Ajv({ strict: false, validateFormats: false });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'asyncapi-'));
    const file = join(directory, 'providers.yaml');
    writeFileSync(file, PROVIDERS);
    system = await System.start({ env: { PROVIDERS_FILE: file } });
    client = await system.client();
    document = (await new Client(client.url, '').request<AsyncApi>('GET', '/asyncapi.json')).body;
  });
  afterAll(async () => {
    await system?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const validators = (name: string): Record<'headers' | 'payload', ValidateFunction> => {
    const { headers, payload } = document.components.messages[name]!;
    return { headers: ajv.compile(headers), payload: ajv.compile(payload) };
  };
  /** @returns what is wrong with it, part by part */
  const faultsOf = (name: string, message: { headers: object; payload: unknown }) => {
    const { headers, payload } = validators(name);
    headers(message.headers);
    payload(message.payload);
    return { headers: headers.errors ?? [], payload: payload.errors ?? [] };
  };
  const onTheWire = ({ headers, value }: TopicMessage) => ({
    headers,
    payload: JSON.parse(value!) as unknown,
  });
  const NO_FAULTS = { headers: [], payload: [] };

  it('needs no token and is a valid AsyncAPI 3.0 document, by which nothing is amiss', async () => {
    expect(document.asyncapi).toBe('3.0.0');
    const { document: parsed, diagnostics } = await new Parser().parse(JSON.stringify(document));
    // 3.1 adds nothing that is needed here, and not all tools read it.
    const faults = diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version');
    expect(faults.map(({ message, path }) => [path.join('.'), message])).toEqual([]);
    expect(parsed?.channels().all()).toHaveLength(Object.keys(document.channels).length);
  });

  it('describes every topic there is, with its real name and settings', async () => {
    const described = Object.values(document.channels).map(({ address }) => address);
    const names = await topicNames(system);
    expect(described.map((name) => name.replace('{slug}', 'host-agent')).toSorted()).toEqual(names);
  });

  it('has examples that are what it says they must be', () => {
    for (const [name, { examples }] of Object.entries(document.components.messages)) {
      expect(examples.length).toBeGreaterThan(0);
      for (const example of examples)
        expect([name, faultsOf(name, example)]).toEqual([name, NO_FAULTS]);
    }
  });

  it('describes messages as they really are: command, dispatch, report, event, dead letter', async () => {
    const id = await client.created(ISOLATE);
    const [dispatched] = await readTopic(system, 'dispatch.host-agent', (all) => all.length > 0);
    const report = {
      headers: { authorization: `Bearer ${client.token}` },
      payload: { id, status: 'Completed' },
    };
    await produce(system, 'reports', [
      { key: id, value: JSON.stringify(report.payload), headers: report.headers },
      { key: id, value: 'neither', headers: { 'x-mine': 'kept' } },
    ]);
    const ended = ({ headers }: TopicMessage) => headers['ce_type'] === 'securityActions.completed';
    const events = await readTopic(system, 'events', (all) => all.some(ended));
    const [letter] = await readTopic(system, 'dead-letters', (all) => all.length > 0);
    const [command] = await readTopic(system, 'commands', (all) => all.length > 0);

    expect(events.length).toBeGreaterThanOrEqual(4);
    for (const event of events) expect(faultsOf('event', onTheWire(event))).toEqual(NO_FAULTS);
    expect(faultsOf('dispatch', onTheWire(dispatched!))).toEqual(NO_FAULTS);
    expect(faultsOf('command', onTheWire(command!))).toEqual(NO_FAULTS);
    expect(faultsOf('report', report)).toEqual(NO_FAULTS);
    expect(faultsOf('deadLetter', { headers: letter!.headers, payload: null })).toEqual(NO_FAULTS);
    expect(letter!.headers).toMatchObject({ 'x-mine': 'kept' });
  });

  it('would tell a message that is not so', async () => {
    const { headers, payload } = document.components.messages['event']!.examples[0]!;
    const { ce_id: _, ...without } = headers as { ce_id: string };
    expect(faultsOf('event', { headers: without, payload }).headers).not.toEqual([]);
    expect(faultsOf('event', { headers, payload: { id: 1 } }).payload).not.toEqual([]);
  });
});

async function topicNames({ kafkaBrokers, topicPrefix }: System): Promise<string[]> {
  const settings = loadSettings({ KAFKA_BROKERS: kafkaBrokers });
  const admin = createKafka(settings, pino({ level: 'silent' })).admin();
  await admin.connect();
  try {
    const names = await admin.listTopics();
    return names.filter((name) => name.startsWith(`${topicPrefix}.`)).toSorted();
  } finally {
    await admin.disconnect();
  }
}
