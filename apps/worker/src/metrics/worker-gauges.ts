import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { LIFELINE } from '#database/database.module';
import { poolUsage } from '#database/pool-usage';
import { Publisher } from '#kafka/publisher';
import { gauge } from '#observability/metrics';
import { Catalogue, providerKey } from '#providers/catalogue';
import { Circuits } from '../engine/circuits.ts';
import { Holdings } from '../engine/holdings.ts';

/** What this worker has in hand, read when the metrics are. */
@Injectable()
export class WorkerGauges {
  constructor(
    registry: Registry,
    @InjectDataSource() main: DataSource,
    @InjectDataSource(LIFELINE) lifeline: DataSource,
    publisher: Publisher,
    catalogue: Catalogue,
    holdings: Holdings,
    circuits: Circuits,
  ) {
    const providers = catalogue.providers.map(providerKey);
    gauge(registry, 'security_actions_provider_slots', (slots) => {
      for (const provider of providers) slots.set({ provider }, holdings.slotsAt(provider));
    });
    gauge(registry, 'security_actions_circuit_open', (open) => {
      for (const provider of providers) open.set({ provider }, circuits.isOpen(provider) ? 1 : 0);
    });
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
}
