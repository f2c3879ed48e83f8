import { Global, Module } from '@nestjs/common';
import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * The metrics of one process. Inject `Registry` (from prom-client) and name it in `registers` of each metric.
 * Not prom-client's global registry: two applications in one test process would collide there.
 */
@Global()
@Module({
  providers: [{ provide: Registry, useFactory: newRegistry }],
  exports: [Registry],
})
export class MetricsModule {}

function newRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
