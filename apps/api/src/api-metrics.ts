import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { type Counter, Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import type { ActionRow } from '#database/action-row';
import { KEY_LOOK_UPS, LIFELINE } from '#database/database.module';
import { poolUsage } from '#database/pool-usage';
import type { CreateCommand } from '#domain/command';
import { Publisher } from '#kafka/publisher';
import { counter } from '#observability/metrics';
import { gaugeProcess } from '#observability/process-gauges';
import { Catalogue } from '#providers/catalogue';
import { MetricLabels } from '#providers/metric-labels';

/** What the API counts beside its requests (see `http/request-log.ts`). */
@Injectable()
export class ApiMetrics {
  readonly #labels: MetricLabels;
  readonly #accepted: Counter<'door' | 'provider' | 'action'>;
  readonly #replayed: Counter<'provider' | 'action'>;

  constructor(
    registry: Registry,
    catalogue: Catalogue,
    publisher: Publisher,
    @InjectDataSource() main: DataSource,
    @InjectDataSource(LIFELINE) lifeline: DataSource,
    @InjectDataSource(KEY_LOOK_UPS) keyLookUps: DataSource,
  ) {
    this.#labels = new MetricLabels(catalogue);
    this.#accepted = counter(registry, 'security_actions_accepted_total');
    this.#replayed = counter(registry, 'security_actions_replayed_total');
    gaugeProcess(registry, publisher, {
      main: () => poolUsage(main),
      lifeline: () => poolUsage(lifeline),
      keyLookUps: () => poolUsage(keyLookUps),
    });
  }

  /** Kafka has acknowledged a command. */
  accepted({ provider }: CreateCommand): void {
    this.#accepted.inc({ door: 'http', ...this.#labels.of(provider.key, provider.action) });
  }

  /** A create was answered with the action that its idempotency key stands for. */
  replayed({ providerKey, actionName }: ActionRow): void {
    this.#replayed.inc(this.#labels.of(providerKey, actionName));
  }
}
