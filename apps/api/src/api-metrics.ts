import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { type Counter, Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { LIFELINE } from '#database/database.module';
import { poolUsage } from '#database/pool-usage';
import type { CreateCommand } from '#domain/command';
import { Publisher } from '#kafka/publisher';
import { counter, gauge } from '#observability/metrics';
import { Catalogue } from '#providers/catalogue';
import { MetricLabels } from '#providers/metric-labels';

/** What the API counts beside its requests (see `http/request-log.ts`). */
@Injectable()
export class ApiMetrics {
  readonly #labels: MetricLabels;
  readonly #accepted: Counter<'provider' | 'action'>;

  constructor(
    registry: Registry,
    catalogue: Catalogue,
    publisher: Publisher,
    @InjectDataSource() main: DataSource,
    @InjectDataSource(LIFELINE) lifeline: DataSource,
  ) {
    this.#labels = new MetricLabels(catalogue);
    this.#accepted = counter(registry, 'security_actions_accepted_total');
    gauge(registry, 'security_actions_publish_queue_messages', (queue) =>
      queue.set(publisher.queuedMessages),
    );
    gauge(registry, 'security_actions_publish_queue_bytes', (queue) =>
      queue.set(publisher.queuedBytes),
    );
    gauge(registry, 'security_actions_database_connections', (connections) => {
      for (const [pool, dataSource] of Object.entries({ main, lifeline })) {
        for (const [state, count] of Object.entries(poolUsage(dataSource))) {
          connections.set({ pool, state }, count);
        }
      }
    });
  }

  /** Kafka has acknowledged a command. */
  accepted({ provider }: CreateCommand): void {
    this.#accepted.inc(this.#labels.of(provider.key, provider.action));
  }
}
