import { Logger } from '@nestjs/common';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type TokenIssuer, AUDIENCE, startTokenIssuer, timely } from '#auth/issuer.fixture';
import { loadSettings } from '#config/settings';
import type { CreateCommand } from '#domain/command';
import type { ClusterIdentity } from '#kafka/cluster-identity';
import { type BatchMessage, KafkaBatchContext, type KafkaBatch } from '#kafka/kafka-batch';
import { OrderedPublisher } from '#kafka/ordered-publisher';
import { connectionError, producingKafka } from '#kafka/producing-kafka.fixture';
import { PublishError } from '#kafka/publish-errors';
import { Publisher } from '#kafka/publisher';
import { Catalogue } from '#providers/catalogue';
import { actionEntry, providerEntry } from '#providers/provider-entry.fixture';
import { DeadLetters } from '../dead-letters/dead-letters.ts';
import { MessageCaller } from '../doors/message-caller.ts';
import { ActionMetrics } from '../metrics/action-metrics.ts';
import type { KnownRequests } from './known-requests.ts';
import { RequestsController } from './requests.controller.ts';
import { Requests } from './requests.ts';

const WAIT_MS = 60_000;
/** Longer than a failed read of the keys keeps the next one waiting. */
const A_WHILE_MS = 10_000;

describe('the door for requests', () => {
  let issuer: TokenIssuer;
  let deadLettersAreAway: boolean;
  let commands: string[];
  let letters: string[];
  let registry: Registry;
  let publishers: { ordered: OrderedPublisher; plain: Publisher };

  beforeEach(async () => {
    Logger.overrideLogger(false);
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    issuer = await startTokenIssuer();
    deadLettersAreAway = false;
    commands = [];
    letters = [];
    registry = new Registry();
    const settings = loadSettings({ KAFKA_TOPIC_PREFIX: 'x' });
    const kafka = producingKafka((texts, topic) => {
      if (topic === 'x.commands') commands.push(...texts.map(nameOfCommand));
      else if (deadLettersAreAway) return Promise.reject(connectionError());
      else letters.push(...texts.map(nameOfRequest));
      return Promise.resolve();
    });
    publishers = {
      ordered: new OrderedPublisher(settings, kafka),
      plain: new Publisher(settings, kafka),
    };
    await publishers.ordered.onModuleInit();
    await publishers.plain.onModuleInit();
  });
  afterEach(async () => {
    vi.useRealTimers();
    await publishers.ordered.onApplicationShutdown();
    await publishers.plain.flushAndDisconnect(0);
    await issuer.stop();
  });

  const controllerWith = (callers?: MessageCaller) => {
    const settings = loadSettings({
      AUTH_ISSUER: 'i',
      AUTH_AUDIENCE: AUDIENCE,
      AUTH_JWKS_URI: issuer.jwksUri,
      UNKNOWN_KEY_WAIT_MS: String(WAIT_MS),
    });
    const catalogue = new Catalogue([
      providerEntry({ actions: [actionEntry('Block', 'host', { name: 'host' })] }),
    ]);
    const metrics = new ActionMetrics(registry, catalogue);
    return new RequestsController(
      new Requests(callers ?? new MessageCaller(settings), catalogue, settings),
      { among: () => Promise.resolve(new Set()) } as unknown as KnownRequests,
      { id: () => Promise.resolve('cluster') } as unknown as ClusterIdentity,
      publishers.ordered,
      new DeadLetters(publishers.plain, metrics),
      metrics,
    );
  };
  const request = async (name: string, kid?: string): Promise<BatchMessage> => {
    const claims = { iss: 'i', tid: name, azp: 'app', roles: ['SecurityActions.ReadWrite.All'] };
    const token = await issuer.sign(timely(claims), kid === undefined ? {} : { kid });
    const body = {
      name: 'Block',
      clientContext: name,
      parameters: [{ name: 'host', value: name }],
      vendorInformation: { vendor: 'Acme', provider: 'Firewall' },
    };
    return {
      offset: '0',
      key: null,
      value: Buffer.from(JSON.stringify(body)),
      headers: { authorization: [Buffer.from(`Bearer ${token}`)] },
      timestamp: Date.now(),
      isTimestampOfBroker: true,
    };
  };
  /** One delivery, whole messages in the order of the log. */
  const deliver = async (controller: RequestsController, ...sent: Promise<BatchMessage>[]) => {
    const messages = (await Promise.all(sent)).map((message, index) =>
      Object.assign(message, { offset: String(index) }),
    );
    const batch: KafkaBatch = {
      topic: 'requests',
      topicName: 'x.requests',
      partition: 0,
      messages,
    };
    await controller.handle(batch, new KafkaBatchContext(batch, 1, undefined));
  };
  const opened = async () => {
    const controller = controllerWith();
    await deliver(controller, request('first'));
    commands = [];
    return controller;
  };
  const issuerGoes = async () => {
    await issuer.stop();
    vi.advanceTimersByTime(A_WHILE_MS);
  };

  it('lets through what stands before a token that cannot be judged, and holds the rest', async () => {
    const controller = await opened();
    await issuerGoes();
    const delivery = deliver(controller, request('before'), request('odd', 'k'), request('behind'));
    await expect(delivery).rejects.toMatchObject({ doneBefore: 1 });
    expect(commands).toEqual(['before']);
    expect(letters).toEqual([]);
  });

  it('waits once for an issuer that is away, however many keys are invented meanwhile', async () => {
    const controller = await opened();
    await issuerGoes();
    const held = deliver(controller, request('odd', 'k-0'), request('behind'));
    await expect(held).rejects.toMatchObject({ doneBefore: 0 });
    vi.advanceTimersByTime(WAIT_MS - 1);
    const stillHeld = deliver(controller, request('odd', 'k-0'), request('behind'));
    await expect(stillHeld).rejects.toMatchObject({ doneBefore: 0 });
    vi.advanceTimersByTime(1);
    await deliver(
      controller,
      request('odd-0', 'k-0'),
      request('behind-0'),
      request('odd-1', 'k-1'),
      request('odd-2', 'k-2'),
      request('behind-1'),
    );
    expect(commands).toEqual(['behind-0', 'behind-1']);
    expect(letters).toEqual(['odd-0', 'odd-1', 'odd-2']);
    vi.advanceTimersByTime(A_WHILE_MS);
    await deliver(controller, request('odd-3', 'k-3'), request('behind-2'));
    expect(commands).toContain('behind-2');
  });

  it('holds everything while it has never had any key, however long that lasts', async () => {
    const controller = controllerWith();
    await issuerGoes();
    for (const _ of [1, 2]) {
      const delivery = deliver(controller, request('one'), request('odd', 'k'));
      await expect(delivery).rejects.toMatchObject({ doneBefore: 0 });
      vi.advanceTimersByTime(2 * WAIT_MS);
    }
    expect([commands, letters]).toEqual([[], []]);
  });

  it('puts aside what makes the check of its sender fail, and goes on', async () => {
    const callers = {
      of: ({ offset }: BatchMessage) =>
        offset === '0'
          ? Promise.reject(new TypeError('of undefined'))
          : Promise.resolve({ tenantId: 'tenant', appId: 'app', user: null }),
    } as unknown as MessageCaller;
    await deliver(controllerWith(callers), request('odd'), request('behind'));
    expect([commands, letters]).toEqual([['behind'], ['odd']]);
    expect(await count('security_actions_dead_letters_total', { code: 'generalException' })).toBe(
      1,
    );
  });

  it('counts a request once that comes again because its neighbour could not be put aside', async () => {
    const controller = await opened();
    deadLettersAreAway = true;
    const sent = () => deliver(controller, request('good'), request('bad').then(withoutToken));
    await expect(sent()).rejects.toBeInstanceOf(PublishError);
    deadLettersAreAway = false;
    await vi.waitFor(sent);
    expect(letters).toEqual(['bad']);
    // The one before them, and this.
    expect(await count('security_actions_accepted_total', {})).toBe(2);
  });

  const count = async (metric: string, labels: Record<string, string>) => {
    const { values } = await registry.getSingleMetric(metric)!.get();
    return values
      .filter((value) => Object.entries(labels).every(([name, is]) => value.labels[name] === is))
      .reduce((sum, { value }) => sum + value, 0);
  };
});

function withoutToken(message: BatchMessage): BatchMessage {
  return { ...message, headers: {} };
}

function nameOfCommand(text: string): string {
  return String((JSON.parse(text) as CreateCommand).action.clientContext);
}

function nameOfRequest(text: string): string {
  return (JSON.parse(text) as { clientContext: string }).clientContext;
}
