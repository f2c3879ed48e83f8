import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CreateCommand, commandKey } from '#domain/command';
import { newActionId } from '#domain/ids';
import { Client, type ErrorBody, simulate } from '../support/client.ts';
import { produce, produceSnappy } from '../support/produce.ts';
import { readTopic } from '../support/read-topic.ts';
import { System } from '../support/system.ts';

/** A command as the API writes it. */
function command(value: string, extra: Partial<CreateCommand['action']> = {}): CreateCommand {
  return {
    schemaVersion: 1,
    acceptedDateTime: new Date().toISOString(),
    caller: { tenantId: 'tenant-a', appId: 'app-1', user: null },
    clientRequestId: null,
    provider: { key: 'SecurityActions/Simulator', action: 'Simulate' },
    targetKey: null,
    resendKey: newActionId(),
    action: {
      id: newActionId(),
      name: 'Simulate',
      actionReason: null,
      clientContext: null,
      parameters: [{ name: 'target', value }],
      vendorInformation: {
        vendor: 'SecurityActions',
        provider: 'Simulator',
        providerVersion: null,
        subProvider: null,
      },
      properties: {},
      ...extra,
    },
  };
}

const message = (sent: CreateCommand) => ({ key: commandKey(sent), value: JSON.stringify(sent) });

describe('what Kafka may bring', () => {
  let system: System;
  let client: Client;

  beforeEach(async () => {
    system = await System.start({ env: { KAFKA_PARTITIONS: '1' } });
    client = await system.client();
  });
  afterEach(() => system?.stop());

  const completed = async (ids: string[]) =>
    vi.waitFor(
      async () => {
        const answers = await Promise.all(ids.map((id) => client.get(id)));
        expect(answers.map(({ body }) => body.status)).toEqual(ids.map(() => 'Completed'));
      },
      { timeout: 30_000, interval: 100 },
    );

  it('runs a command once that is delivered again and again', async () => {
    const sent = command('one');
    const another = command('two');
    await produce(system, 'commands', [message(sent), message(sent), message(another)]);
    await completed([sent.action.id, another.action.id]);
    await produce(system, 'commands', [message(sent), message(another)]);
    // What comes after the repeats in the log is stored after them.
    await completed([await client.created(simulate())]);
    expect(system.effects()).toHaveLength(3);
    expect((await client.list('?$count=true')).body['@odata.count']).toBe(3);
  });

  it('puts what is no command into the dead letters, byte for byte, and goes on with the rest', async () => {
    const good = [command('a'), command('b')];
    const poison = ['not json', '{}', JSON.stringify({ ...command('x'), schemaVersion: 2 })];
    await produce(system, 'commands', [
      message(good[0]!),
      ...poison.map((value) => ({ key: 'k', value, headers: { traceparent: 'kept' } })),
      { key: 'tombstone', value: null },
      message(good[1]!),
    ]);
    await completed(good.map(({ action }) => action.id));
    const letters = await readTopic(system, 'dead-letters', (all) => all.length >= 4);
    expect(new Set(letters.map(({ value }) => value))).toEqual(new Set([null, ...poison]));
    for (const { headers } of letters) {
      expect(headers['x-origin-topic']).toBe(`${system.topicPrefix}.commands`);
      expect(headers['x-error-code']).toBe('invalidRequest');
    }
    expect(letters.filter(({ headers }) => headers['traceparent'] === 'kept')).toHaveLength(3);
  });

  it('shows an accepted command that Postgres refuses as Failed with code 8, and goes on with the rest', async () => {
    const refused = command('a\u0000b');
    const good = Array.from({ length: 20 }, (_, n) => command(`good-${n}`));
    await produce(system, 'commands', [
      ...good.slice(0, 10).map(message),
      message(refused),
      ...good.slice(10).map(message),
    ]);
    await completed(good.map(({ action }) => action.id));
    const { body } = await client.get(refused.action.id);
    expect(body).toMatchObject({ status: 'Failed', errorInfo: { code: 8 }, parameters: [] });
    expect(body.states.map(({ status }) => status)).toEqual(['NotStarted', 'Failed']);
    const [letter] = await readTopic(system, 'dead-letters', (all) => all.length >= 1);
    expect(letter!.value).toBe(JSON.stringify(refused));
    expect(system.effects().map(({ actionId }) => actionId)).not.toContain(refused.action.id);
  });

  it('shows an action of a provider that no worker has as waiting for it', async () => {
    const sent = { ...command('x'), provider: { key: 'Gone/Product', action: 'Act' } };
    await produce(system, 'commands', [message(sent)]);
    await vi.waitFor(async () =>
      expect((await client.get(sent.action.id)).body).toMatchObject({
        status: 'NotStarted',
        waitingFor: 'provider',
      }),
    );
  });

  it('ends a worker with exit code 1 when its consumer is lost for good', async () => {
    const [worker] = system.workers;
    await produceSnappy(system, 'commands');
    expect(await worker!.exited).toMatchObject({ code: 1 });
    expect(worker!.log()).toContain('the consumer is lost for good');
    const answer = await client.request<ErrorBody>('GET', `beta/security/securityActions`);
    expect(answer.status).toBe(200);
  });
});
