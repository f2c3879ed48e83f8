import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import { BrokerUnavailable, PublishTimeout } from '#kafka/publish-errors';
import { ATTEMPT, actionWith } from '#providers/action.fixture';
import { Catalogue } from '#providers/catalogue';
import type { KafkaEntry } from '#providers/kafka-entry';
import { KafkaProvider } from '#providers/kafka.provider';
import { webhookEntry } from '#providers/product.fixture';
import { providerEntry } from '#providers/provider-entry.fixture';
import { SimulatedProvider } from '#providers/simulated.provider';
import { WebhookProvider } from '#providers/webhook.provider';
import { Providers, createProviders, cutOffByAStop } from './providers.ts';

afterEach(() => vi.unstubAllEnvs());

const kafkaEntry: KafkaEntry = { ...providerEntry({ provider: 'Told' }), type: 'kafka' };
const publish = () => Promise.reject(new Error('not called'));

describe('the providers of a worker', () => {
  it('are one for each entry of the catalogue, by its type', () => {
    vi.stubEnv('ACME_WEBHOOK_SECRET', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const entries = [
      providerEntry({ provider: 'Simulated' }),
      webhookEntry('http://127.0.0.1:9/', { provider: 'Webhook' }),
      kafkaEntry,
    ];
    const providers = createProviders(loadSettings({}), new Catalogue(entries), { publish });
    expect(entries.map((entry) => providers.for(entry).constructor)).toEqual([
      SimulatedProvider,
      WebhookProvider,
      KafkaProvider,
    ]);
  });

  it.each([
    ['is written', () => Promise.resolve({ partition: 0, offset: '0' }), 'accepted'],
    [
      'is surely not written',
      () => Promise.reject(new BrokerUnavailable('notWritten')),
      'unavailable',
    ],
    ['may be written', () => Promise.reject(new PublishTimeout('unknown')), 'mayHaveActed'],
  ])('tell what became of a message that %s', async (_fate, answer, kind) => {
    const catalogue = new Catalogue([kafkaEntry]);
    const provider = createProviders(loadSettings({}), catalogue, { publish: answer }).for(
      kafkaEntry,
    );
    const { signal } = new AbortController();
    await expect(provider.execute(actionWith(), ATTEMPT, signal)).resolves.toMatchObject({ kind });
  });

  it('are told when a stop may cut off a call of which nobody could say what became', () => {
    const entry = (provider: string, timeoutMs: number, capability?: 'idempotent' | 'probe') => {
      const none = { idempotent: false, cancel: false, probe: false };
      const capabilities = { ...none, ...(capability && { [capability]: true }) };
      return providerEntry({ provider, timeoutMs, capabilities });
    };
    const catalogue = new Catalogue([
      entry('Slow', 15_001),
      entry('Quick', 15_000),
      entry('Repeatable', 60_000, 'idempotent'),
      entry('Asked', 60_000, 'probe'),
      { ...entry('Told', 60_000), type: 'kafka' },
    ]);
    expect(cutOffByAStop(catalogue, 15_000)).toEqual(['Acme/Slow']);
  });

  it('are closed when the process stops', async () => {
    const close = vi.fn<() => Promise<void>>(() => Promise.resolve());
    const execute = () => Promise.reject(new Error('not called'));
    const providers = new Providers(
      new Map([
        ['Acme/Firewall', { execute, close }],
        ['Acme/Other', { execute }],
      ]),
    );
    @Module({ providers: [{ provide: Providers, useValue: providers }] })
    // oxlint-disable-next-line typescript/no-extraneous-class -- Nest's form of a module
    class Stopping {}
    const app = await NestFactory.createApplicationContext(Stopping, { logger: false });
    expect(close).not.toHaveBeenCalled();
    await app.close();
    expect(close).toHaveBeenCalledTimes(1);
  });
});
