import { type DynamicModule, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Kafka } from 'kafkajs';
import type { Logger } from 'pino';
import { Settings } from '#config/settings';
import { DatabaseModule, KEY_LOOK_UPS, LIFELINE } from '#database/database.module';
import { createKafka } from '#kafka/client';
import { ClusterIdentity } from '#kafka/cluster-identity';
import { ProjectionProgress } from '#kafka/projection-progress';
import { Publisher } from '#kafka/publisher';
import { RequestArrivals } from '#kafka/request-arrivals';
import { RequestsProgress } from '#kafka/requests-progress';
import { MetricsModule } from '#observability/metrics';
import { Tracing } from '#observability/tracing';
import { Catalogue, loadCatalogue } from '#providers/catalogue';
import { ApiMetrics } from './api-metrics.ts';
import { AsyncApiController } from './asyncapi/asyncapi.controller.ts';
import { JwtGuard } from './auth/jwt.guard.ts';
import { RateLimitGuard } from './auth/rate-limit.guard.ts';
import { BatchController } from './batch/batch.controller.ts';
import { DeadLettersController } from './dead-letters/dead-letters.controller.ts';
import { DeadLettersService } from './dead-letters/dead-letters.service.ts';
import { Replay } from './dead-letters/replay.ts';
import { HealthController } from './health.controller.ts';
import { ApiHealth } from './health.ts';
import { HoldsController } from './holds/holds.controller.ts';
import { HoldsService } from './holds/holds.service.ts';
import { DocsController } from './openapi/docs.controller.ts';
import { OpenApiController } from './openapi/openapi.controller.ts';
import { MetadataController } from './metadata/metadata.controller.ts';
import { ChangesController } from './security-actions/changes.controller.ts';
import { ChangesService } from './security-actions/changes.service.ts';
import { EarlierRequests } from './security-actions/earlier-requests.ts';
import { CreatesService } from './security-actions/creates.service.ts';
import { ExtensionsController } from './security-actions/extensions.controller.ts';
import { IdempotencyKeys } from './security-actions/idempotency-keys.ts';
import { Presenter } from './security-actions/presenter.ts';
import { ProvidersController } from './security-actions/providers.controller.ts';
import { ReadYourWrite } from './security-actions/read-your-write.ts';
import { SecurityActionsController } from './security-actions/security-actions.controller.ts';
import { SecurityActionsService } from './security-actions/security-actions.service.ts';

/** A hold can be set while another is looked at; lists take none of them, however slow they are. */
const LIFELINE_CONNECTIONS = 2;
/** Two would do for thousands of look-ups a second; creates must not wait behind lists for longer than their 200 ms. */
const KEY_LOOK_UP_CONNECTIONS = 2;

/**
 * The whole API on one page: what it serves, what it leans on, what stands before every route. Headers,
 * bodies and errors are the same for all routes: see `http/application.ts`.
 */
@Module({
  imports: [MetricsModule],
  controllers: [
    // Routes: each a controller, under every Graph base path by `graphPaths`.
    SecurityActionsController,
    ExtensionsController,
    ChangesController,
    ProvidersController,
    HoldsController,
    DeadLettersController,
    BatchController,
    MetadataController,
    // Without a base path.
    OpenApiController,
    AsyncApiController,
    DocsController,
    HealthController,
  ],
  providers: [
    // What the routes decide with.
    CreatesService,
    SecurityActionsService,
    ChangesService,
    HoldsService,
    DeadLettersService,
    Replay,
    ClusterIdentity,
    ReadYourWrite,
    IdempotencyKeys,
    Presenter,
    EarlierRequests,
    ProjectionProgress,
    RequestsProgress,
    Publisher,
    ApiHealth,
    ApiMetrics,
    // Closed by default; @Public() opens a route, @RequireRole() names what it takes.
    { provide: APP_GUARD, useClass: JwtGuard },
    { provide: APP_GUARD, useClass: RateLimitGuard },
  ],
})
// oxlint-disable-next-line typescript/no-extraneous-class -- Nest's form of a module
export class ApiModule {
  static with(settings: Settings, logger: Logger): DynamicModule {
    const pools = [
      { applicationName: 'api', connectionsMax: settings.DATABASE_POOL_SIZE },
      { name: LIFELINE, applicationName: 'api lifeline', connectionsMax: LIFELINE_CONNECTIONS },
      {
        name: KEY_LOOK_UPS,
        applicationName: 'api key look-ups',
        connectionsMax: KEY_LOOK_UP_CONNECTIONS,
        statementTimeoutMs: settings.KEY_LOOKUP_MS,
      },
    ];
    return {
      module: ApiModule,
      global: true,
      imports: [DatabaseModule.with(settings, pools)],
      providers: [
        { provide: Settings, useValue: settings },
        { provide: Tracing, useFactory: () => new Tracing('api', settings) },
        { provide: Kafka, useValue: createKafka(settings, logger) },
        { provide: RequestArrivals, useFactory: () => new RequestArrivals(settings, logger) },
        { provide: Catalogue, useValue: loadCatalogue(settings.PROVIDERS_FILE) },
      ],
      exports: [Settings],
    };
  }
}
