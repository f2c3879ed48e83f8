import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import { Catalogue } from '#providers/catalogue';
import { webhookEntry } from '#providers/product.fixture';
import { providerEntry } from '#providers/provider-entry.fixture';
import { SimulatedProvider } from '#providers/simulated.provider';
import { WebhookProvider } from '#providers/webhook.provider';
import { Providers, createProviders } from './providers.ts';

afterEach(() => vi.unstubAllEnvs());

describe('the providers of a worker', () => {
  it('are one for each entry of the catalogue, by its type', () => {
    vi.stubEnv('ACME_WEBHOOK_SECRET', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const entries = [
      providerEntry({ provider: 'Simulated' }),
      webhookEntry('http://127.0.0.1:9/', { provider: 'Webhook' }),
    ];
    const providers = createProviders(loadSettings({}), new Catalogue(entries));
    expect(entries.map((entry) => providers.for(entry).constructor)).toEqual([
      SimulatedProvider,
      WebhookProvider,
    ]);
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
