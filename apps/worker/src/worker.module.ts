import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { Kafka } from 'kafkajs';
import type { Logger } from 'pino';
import { Settings, readSecret } from '#config/settings';
import { DatabaseModule, LIFELINE } from '#database/database.module';
import { createKafka } from '#kafka/client';
import { ClusterIdentity } from '#kafka/cluster-identity';
import { OrderedPublisher } from '#kafka/ordered-publisher';
import { OriginalErrorFilter } from '#kafka/original-error.filter';
import { ProjectionProgress } from '#kafka/projection-progress';
import { Publisher } from '#kafka/publisher';
import { RequestsProgress } from '#kafka/requests-progress';
import { MetricsModule } from '#observability/metrics';
import { Tracing } from '#observability/tracing';
import { Catalogue, loadCatalogue } from '#providers/catalogue';
import { DeadLetterRetention } from './dead-letters/dead-letter-retention.ts';
import { DeadLettersController } from './dead-letters/dead-letters.controller.ts';
import { DeadLetters } from './dead-letters/dead-letters.ts';
import { MessageCaller } from './doors/message-caller.ts';
import { Canceller } from './engine/canceller.ts';
import { Circuits } from './engine/circuits.ts';
import { Dispatcher } from './engine/dispatcher.ts';
import { Engine } from './engine/engine.ts';
import { Executor } from './engine/executor.ts';
import { Holdings } from './engine/holdings.ts';
import { LeaseKeeper } from './engine/lease-keeper.ts';
import { Lookout } from './engine/lookout.ts';
import { PlanKeeper } from './process/plan-keeper.ts';
import { ProviderCaller } from './engine/provider-caller.ts';
import { Recovery } from './engine/recovery.ts';
import { Settler } from './engine/settler.ts';
import { SlotKeeper } from './engine/slot-keeper.ts';
import { Relay } from './events/relay.ts';
import { CommandsController } from './ingest/commands.controller.ts';
import { Horizon } from './ingest/horizon.ts';
import { Ingest } from './ingest/ingest.ts';
import { ActionMetrics } from './metrics/action-metrics.ts';
import { BacklogWatch } from './metrics/backlog-watch.ts';
import { WorkerGauges } from './metrics/worker-gauges.ts';
import { ActionRetention } from './retention/action-retention.ts';
import { Reverts } from './reverts/reverts.ts';
import { WorkerHealth } from './health.ts';
import { Providers, createProviders } from './providers.ts';
import { Reports } from './reports/reports.ts';
import { ReportsController } from './reports/reports.controller.ts';
import { KnownRequests } from './requests/known-requests.ts';
import { Requests } from './requests/requests.ts';
import { RequestsController } from './requests/requests.controller.ts';

/**
 * Enough for renewals and settlements to pass each other, those of each that wait for a lock, and the looks that share them; and
 * never waiting behind the ingest.
 */
const LIFELINE_CONNECTIONS = 4;

/** The whole worker on one page: what it reads, what it does with it, what it leans on. */
@Module({
  imports: [MetricsModule],
  controllers: [CommandsController, RequestsController, ReportsController, DeadLettersController],
  providers: [
    // From the public door to the commands topic.
    Requests,
    KnownRequests,
    ClusterIdentity,
    OrderedPublisher,
    // From Kafka into Postgres.
    Horizon,
    Ingest,
    Reports,
    MessageCaller,
    DeadLetters,
    Publisher,
    { provide: APP_FILTER, useClass: OriginalErrorFilter },
    // From Postgres to the providers and back.
    Holdings,
    Dispatcher,
    Executor,
    ProviderCaller,
    Circuits,
    Canceller,
    Lookout,
    Settler,
    LeaseKeeper,
    SlotKeeper,
    Recovery,
    PlanKeeper,
    // From timers in Postgres to the commands topic.
    Reverts,
    // From Postgres to the events topic.
    Relay,
    // From Postgres to nowhere.
    ActionRetention,
    DeadLetterRetention,
    // What it tells of itself.
    ActionMetrics,
    WorkerGauges,
    BacklogWatch,
    ProjectionProgress,
    RequestsProgress,
    // What starts and stops all of it.
    Engine,
    WorkerHealth,
  ],
})
// oxlint-disable-next-line typescript/no-extraneous-class -- Nest's form of a module
export class WorkerModule {
  static with(settings: Settings, logger: Logger): DynamicModule {
    const catalogue = loadCatalogue(settings.PROVIDERS_FILE, readSecret);
    const pools = [
      {
        applicationName: 'worker',
        connectionsMax: settings.DATABASE_POOL_SIZE,
        findsByIndex: true,
      },
      {
        name: LIFELINE,
        applicationName: 'worker lifeline',
        connectionsMax: LIFELINE_CONNECTIONS,
        findsByIndex: true,
      },
    ];
    return {
      module: WorkerModule,
      global: true,
      imports: [DatabaseModule.with(settings, pools)],
      providers: [
        { provide: Settings, useValue: settings },
        { provide: Tracing, useFactory: () => new Tracing('worker', settings) },
        { provide: Kafka, useValue: createKafka(settings, logger) },
        { provide: Catalogue, useValue: catalogue },
        {
          provide: Providers,
          useFactory: (publisher: Publisher) => createProviders(settings, catalogue, publisher),
          inject: [Publisher],
        },
      ],
      exports: [Settings],
    };
  }
}
