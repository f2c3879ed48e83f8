import { Global, Module } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { METRICS, type MetricName } from './metric-catalogue.ts';

/**
 * The metrics of one process. Inject `Registry` (from prom-client) and make each metric with `counter`, `gauge` or
 * `histogram`. Not prom-client's global registry: two applications in one test process would collide there.
 */
@Global()
@Module({
  providers: [{ provide: Registry, useFactory: newRegistry }],
  exports: [Registry],
})
export class MetricsModule {}

/**
 * How often Node looks how late its event loop is, which shows in `nodejs_eventloop_lag_*_seconds`. prom-client's 10 ms would
 * wake a process with nothing to do a hundred times a second.
 */
const EVENT_LOOP_LOOK_MS = 50;

function newRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({
    register: registry,
    eventLoopMonitoringPrecision: EVENT_LOOP_LOOK_MS,
  });
  return registry;
}

type NameOf<Type extends string> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[MetricName];
type LabelOf<Name extends MetricName> = (typeof METRICS)[Name]['labels'][number];

/**
 * Makes a metric as the catalogue declares it.
 * @param total brings it up to date when the metrics are read, where something else counts; must be quick and must not throw
 */
export function counter<Name extends NameOf<'counter'>>(
  registry: Registry,
  name: Name,
  total?: () => number,
): Counter<LabelOf<Name>> {
  return new Counter<LabelOf<Name>>({
    ...configurationOf(registry, name),
    ...(total && {
      collect() {
        this.reset();
        this.inc(total());
      },
    }),
  });
}

/** Makes a metric as the catalogue declares it. */
export function histogram<Name extends NameOf<'histogram'>>(
  registry: Registry,
  name: Name,
): Histogram<LabelOf<Name>> {
  const buckets = [...METRICS[name].buckets];
  return new Histogram<LabelOf<Name>>({ ...configurationOf(registry, name), buckets });
}

/**
 * Makes a metric as the catalogue declares it.
 * @param collect brings it up to date when the metrics are read; must be quick and must not throw
 */
export function gauge<Name extends NameOf<'gauge'>>(
  registry: Registry,
  name: Name,
  collect?: (gauge: Gauge<LabelOf<Name>>) => void,
): Gauge<LabelOf<Name>> {
  return new Gauge<LabelOf<Name>>({
    ...configurationOf(registry, name),
    ...(collect && {
      collect() {
        collect(this);
      },
    }),
  });
}

function configurationOf<Name extends MetricName>(registry: Registry, name: Name) {
  const { help, labels } = METRICS[name];
  const labelNames = [...labels] as LabelOf<Name>[];
  return { name, help, labelNames, registers: [registry] };
}
