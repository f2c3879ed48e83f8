import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { type Context, ROOT_CONTEXT, context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  W3CTraceContextPropagator,
  parseKeyPairsIntoRecord,
  setGlobalErrorHandler,
} from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Settings } from '#config/settings';
import { LIGHT_ROOT } from './light-context.ts';

type TracingSettings = Pick<
  Settings,
  'OTEL_EXPORTER_OTLP_ENDPOINT' | 'OTEL_EXPORTER_OTLP_HEADERS' | 'OTEL_TRACES_SAMPLER_ARG'
>;

/** Seconds of spans at full load; what does not fit is dropped, never waited for. */
const SPANS_QUEUED_MAX = 20_000;
const SPANS_PER_EXPORT = 512;
const EXPORT_INTERVAL_MS = 1000;
/** A collector that is away must not hold up a stop. */
const LAST_EXPORT_MS = 1000;
/** While a collector is away every export fails alike. */
const REPEATED_WARNING_MS = 60_000;

/**
 * The traces of one process. Trace ids go from request to message to call in any case, for log lines and for those we
 * call; spans are made only when there is somewhere to send them (OTEL_EXPORTER_OTLP_ENDPOINT).
 */
export class Tracing implements OnApplicationShutdown {
  readonly #logger = new Logger(Tracing.name);
  readonly #provider: TracerProvider | undefined;
  #warnedAtMs = Number.NEGATIVE_INFINITY;

  constructor(service: string, settings: TracingSettings) {
    context.setGlobalContextManager(new LightContexts());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    setGlobalErrorHandler((error) => this.#warn(error));
    this.#provider = providerOf(service, settings);
    if (this.#provider) trace.setGlobalTracerProvider(this.#provider);
  }

  #warn(err: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.#warnedAtMs < REPEATED_WARNING_MS) return;
    this.#warnedAtMs = nowMs;
    this.#logger.warn({ err }, 'traces not exported');
  }

  /** Sends what is left, if that is quick. */
  async onApplicationShutdown(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, LAST_EXPORT_MS);
    await Promise.race([this.#provider?.shutdown().catch(() => undefined), late]);
    clearTimeout(timer);
    trace.disable();
    propagation.disable();
    context.disable();
  }
}

/** What is begun from nothing is light, too. */
class LightContexts extends AsyncLocalStorageContextManager {
  override active(): Context {
    const active = super.active();
    return active === ROOT_CONTEXT ? LIGHT_ROOT : active;
  }
}

function providerOf(service: string, settings: TracingSettings): TracerProvider | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER_ARG } =
    settings;
  if (OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return undefined;
  const exporter = new OTLPTraceExporter({
    url: `${OTEL_EXPORTER_OTLP_ENDPOINT.replace(/\/$/, '')}/v1/traces`,
    headers: parseKeyPairsIntoRecord(OTEL_EXPORTER_OTLP_HEADERS),
  });
  return new TracerProvider({
    resource: resourceFromAttributes({
      'service.namespace': 'security-actions',
      'service.name': `security-actions-${service}`,
    }),
    // Who calls us decides for its traces, so that none of them has a hole.
    sampler: new ParentBasedSampler({
      root: new TraceIdRatioBasedSampler(OTEL_TRACES_SAMPLER_ARG),
    }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: SPANS_QUEUED_MAX,
        maxExportBatchSize: SPANS_PER_EXPORT,
        scheduledDelayMillis: EXPORT_INTERVAL_MS,
      }),
    ],
  });
}
