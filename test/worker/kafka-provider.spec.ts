import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import type { SecurityAction } from '#domain/security-action';
import type { Client } from '../support/client.ts';
import { drained } from '../support/drained.ts';
import { produce } from '../support/produce.ts';
import { type TopicMessage, readTopic } from '../support/read-topic.ts';
import { System } from '../support/system.ts';

const LEASE_MS = 2000;
const REPORT_TIMEOUT_MS = 1000;

interface Dispatched {
  key: string;
  traceparent: string | undefined;
  action: SecurityAction;
  attempt: number;
  attemptId: string;
}

describe('an action for a product that reads a topic', () => {
  let directory: string;
  let system: System;
  let client: Client;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'kafka-provider-'));
    const entry = (provider: string, more: object = {}) => ({
      vendor: 'Acme',
      provider,
      type: 'kafka',
      retry: { attemptsMax: 3, backoffMs: 50, backoffMsMax: 200 },
      actions: [
        { name: 'Isolate', target: 'host', parameters: [{ name: 'host', type: 'hostId' }] },
      ],
      ...more,
    });
    const silent = { reportTimeoutMs: REPORT_TIMEOUT_MS };
    const providers = [
      entry('Host Guard'),
      entry('Silent', silent),
      entry('Repeatable', { ...silent, capabilities: { idempotent: true } }),
    ];
    const file = join(directory, 'providers.yaml');
    writeFileSync(file, stringify({ providers }));
    system = await System.start({ env: { PROVIDERS_FILE: file, LEASE_MS: String(LEASE_MS) } });
    client = await system.client();
    // What keeps the worker from putting on record that Kafka has its message, for as long as a test wants it so.
    await system.query('CREATE TABLE test_hold (held boolean)');
    await system.query(`CREATE FUNCTION test_hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF EXISTS (SELECT FROM test_hold) THEN RAISE EXCEPTION 'held' USING ERRCODE = '57P03'; END IF;
      RETURN NEW; END $$`);
    await system.query(`CREATE TRIGGER test_hold BEFORE INSERT ON security_action_event
      FOR EACH ROW WHEN (NEW.type = 'accepted') EXECUTE FUNCTION test_hold()`);
  });
  afterAll(async () => {
    await system?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const hold = () => system.query('INSERT INTO test_hold VALUES (true)');
  const release = () => system.query('DELETE FROM test_hold');
  const create = (provider: string, host: string = randomUUID()) =>
    client.created({
      name: 'Isolate',
      parameters: [{ name: 'host', value: host }],
      vendorInformation: { vendor: 'Acme', provider },
    });
  const shown = async (id: string) => (await client.get(id)).body;
  const reaches = (id: string, expected: object) =>
    vi.waitFor(async () => expect(await shown(id)).toMatchObject(expected), {
      timeout: 40_000,
      interval: 50,
    });
  const types = async (id: string) => {
    const path = `beta/security/securityActions/${id}/history`;
    const { body } = await client.request<{ value: { type: string }[] }>('GET', path);
    return body.value.map(({ type }) => type);
  };

  /** What the product has been told about an action, at least so often. */
  async function told(slug: string, id: string, times = 1): Promise<Dispatched[]> {
    const about = (all: TopicMessage[]) =>
      all
        .map(({ key, value, headers }) => ({
          ...(JSON.parse(value!) as Dispatched),
          key: key!,
          traceparent: headers['traceparent'],
        }))
        .filter(({ action }) => action.id === id);
    return about(await readTopic(system, `dispatch.${slug}`, (all) => about(all).length >= times));
  }

  async function report(id: string, body: object): Promise<void> {
    const headers = { authorization: `Bearer ${client.token}` };
    await produce(system, 'reports', [
      { key: id, value: JSON.stringify({ id, ...body }), headers },
    ]);
    await drained(system, 'reports');
  }

  it('is told there, waits for the report, and ends by it', async () => {
    const id = await create('Host Guard');
    const [message] = await told('host-guard', id);
    expect(message).toMatchObject({
      attempt: 1,
      action: { id, name: 'Isolate', status: 'Running' },
    });
    expect(message!.traceparent).toMatch(/^00-[0-9a-f]{32}-/);
    await reaches(id, { status: 'Running', waitingFor: 'report' });
    await report(id, { status: 'Completed', attemptId: message!.attemptId });
    expect(await shown(id)).toMatchObject({ status: 'Completed' });
    expect(await types(id)).toEqual(['created', 'started', 'accepted', 'completed']);
  });

  it('is told after the one before it on its target has ended, under the same key', async () => {
    const [first, second] = [await create('Host Guard', 'H1'), await create('Host Guard', 'h1')];
    const [one] = await told('host-guard', first!);
    await reaches(second!, { status: 'NotStarted', waitingFor: `target:${first}` });
    const errorInfo = { code: 42, message: 'no such host', subcode: 0 };
    await report(first!, { status: 'Failed', errorInfo, attemptId: one!.attemptId });
    expect(await shown(first!)).toMatchObject({ status: 'Failed', errorInfo });
    const [two] = await told('host-guard', second!);
    expect(two!.key).toBe(one!.key);
    expect(two!.attemptId).not.toBe(one!.attemptId);
    await report(second!, { status: 'Completed' });
  });

  it.each(['Completed', 'Failed'])(
    'ends by a report of %s that overtakes the record of its dispatch',
    async (status) => {
      await hold();
      try {
        const id = await create('Host Guard');
        const [message] = await told('host-guard', id);
        await report(id, { status, attemptId: message!.attemptId });
        expect(await shown(id)).toMatchObject({ status });
        await release();
        await vi.waitFor(() =>
          expect(system.workers.map((worker) => worker.log()).join('')).toContain(id),
        );
        expect(await types(id)).toEqual(['created', 'started', status.toLowerCase()]);
      } finally {
        await release();
      }
    },
  );

  it('is outcome unknown after silence, and the truth is shown beside that when it comes', async () => {
    const id = await create('Silent');
    const [message] = await told('silent', id);
    await reaches(id, { status: 'Failed', errorInfo: { code: 3 } });
    await report(id, { status: 'Completed', attemptId: message!.attemptId });
    expect(await shown(id)).toMatchObject({ reportedAfterwards: { status: 'Completed' } });
    expect(await told('silent', id)).toHaveLength(1);
  });

  it('is told again after silence where the product bears that, and any of its reports counts', async () => {
    const id = await create('Repeatable');
    const messages = await told('repeatable', id, 2);
    expect(messages.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(messages[1]!.attemptId).toBe(messages[0]!.attemptId);
    await report(id, { status: 'Failed', attemptId: messages[0]!.attemptId });
    expect(await shown(id)).toMatchObject({ status: 'Failed', errorInfo: { code: 4 } });
  });

  it('is told again, as the same attempt, when its worker died before it had that on record', async () => {
    await hold();
    const id = await create('Host Guard');
    const [first] = await told('host-guard', id);
    await system.workers.at(-1)!.kill();
    await release();
    await system.startWorker();
    const messages = await told('host-guard', id, 2);
    expect(messages[1]).toMatchObject({
      key: first!.key,
      attemptId: first!.attemptId,
      action: { id },
    });
    await reaches(id, { status: 'Running', waitingFor: 'report' });
    // A product that drops repeats by the action id has acted once; what it says of that attempt counts.
    await report(id, { status: 'Failed', attemptId: first!.attemptId, errorInfo: { code: 9 } });
    expect(await shown(id)).toMatchObject({ status: 'Failed', errorInfo: { code: 9 } });
    expect(await types(id)).toEqual(['created', 'started', 'accepted', 'failed']);
  });
});
