import '#observability/own-source-maps';
import 'reflect-metadata';
import type { INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { Registry } from 'prom-client';
import { loadSettings } from '#config/settings';
import { BatchStrategy } from '#kafka/batch-strategy';
import { startAdminServer } from '#observability/admin-server';
import { NestLogger, createLogger } from '#observability/logger';
import { Catalogue } from '#providers/catalogue';
import { WorkerHealth } from './health.ts';
import { cutOffByAStop } from './providers.ts';
import { WorkerModule } from './worker.module.ts';

/** What must end within the grace period of the calls, and then some: consumer, last events, pools. */
const AFTER_GRACE_MS = 5000;

const settings = loadSettings();
const logger = createLogger('worker', settings);

try {
  await start();
} catch (error) {
  logger.fatal({ err: error }, 'the worker could not start');
  process.exit(1);
}

async function start(): Promise<void> {
  let app: INestMicroservice | undefined;
  const strategy = new BatchStrategy({
    settings,
    log: logger,
    onFatal: (error) => {
      logger.fatal({ err: error }, 'the consumer is lost for good: this process ends');
      endWithFailure(app);
    },
  });
  app = await NestFactory.createMicroservice<MicroserviceOptions>(
    WorkerModule.with(settings, logger),
    { strategy, logger: new NestLogger(logger), abortOnError: false },
  );
  stopBySignal();
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  await app.listen();
  const health = app.get(WorkerHealth);
  const admin = await startAdminServer({
    port: settings.ADMIN_PORT,
    host: settings.HTTP_HOST,
    live: () => health.live(strategy),
    ready: () => health.ready(strategy),
    registry: app.get(Registry),
  });
  logger.info({ admin: admin.port }, 'working');
  warnOfShortGrace(app.get(Catalogue));
}

function warnOfShortGrace(catalogue: Catalogue): void {
  const providers = cutOffByAStop(catalogue, settings.SHUTDOWN_GRACE_MS);
  if (providers.length === 0) return;
  logger.warn({ providers }, 'SHUTDOWN_GRACE_MS is below timeoutMs: a stop may cut calls off');
}

/** A process that consumes nothing must not look alive. What is in flight gets its grace: the calls need no Kafka. */
function endWithFailure(app: INestMicroservice | undefined): void {
  const end = () => process.exit(1);
  setTimeout(end, settings.SHUTDOWN_GRACE_MS + AFTER_GRACE_MS);
  (app?.close() ?? Promise.resolve()).then(end, end);
}

/** Nest ends the process with 0 after the last hook; should one hang, it ends all the same, and says so. */
function stopBySignal(): void {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => {
      logger.info({ signal }, 'stopping');
      setTimeout(() => {
        logger.error('not everything ended within SHUTDOWN_GRACE_MS');
        process.exit(1);
      }, settings.SHUTDOWN_GRACE_MS + AFTER_GRACE_MS).unref();
    });
  }
}
