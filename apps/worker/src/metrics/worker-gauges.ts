import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { LIFELINE } from '#database/database.module';
import { poolUsage } from '#database/pool-usage';
import { Publisher } from '#kafka/publisher';
import { gauge } from '#observability/metrics';
import { gaugeProcess } from '#observability/process-gauges';
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
    gaugeProcess(registry, publisher, {
      main: () => poolUsage(main),
      lifeline: () => poolUsage(lifeline),
    });
  }
}
