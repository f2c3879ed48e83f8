import '#observability/own-source-maps';
import 'reflect-metadata';
import { Registry } from 'prom-client';
import { loadSettings } from '#config/settings';
import { startAdminServer } from '#observability/admin-server';
import { createLogger } from '#observability/logger';
import { ApiModule } from './api.module.ts';
import { ApiHealth } from './health.ts';
import { createHttpApplication, listen } from './http/application.ts';

const settings = loadSettings();
const logger = createLogger('api', settings);

try {
  await start();
} catch (error) {
  logger.fatal({ err: error }, 'the API could not start');
  process.exit(1);
}

async function start(): Promise<void> {
  const app = await createHttpApplication(ApiModule.with(settings, logger), settings, logger);
  stopBySignal();
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  await listen(app, settings);
  const health = app.get(ApiHealth);
  const admin = await startAdminServer({
    port: settings.ADMIN_PORT,
    host: settings.HTTP_HOST,
    live: () => health.live(),
    ready: () => health.ready(),
    registry: app.get(Registry),
  });
  logger.info(
    { http: settings.HTTP_PORT, https: settings.HTTPS_PORT, admin: admin.port },
    'serving',
  );
}

/**
 * Nest ends the process with 0 when the last hook is done. Should one hang (a client that never reads, a
 * broker that never answers), the process ends all the same, and says by its code that this was no clean stop.
 */
function stopBySignal(): void {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => {
      logger.info({ signal }, 'stopping');
      setTimeout(() => {
        logger.error('not everything ended within SHUTDOWN_GRACE_MS');
        process.exit(1);
      }, settings.SHUTDOWN_GRACE_MS).unref();
    });
  }
}
