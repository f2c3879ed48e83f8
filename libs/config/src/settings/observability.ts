import { z } from 'zod';
import { milliseconds, text } from './kinds.ts';

/** Logs, traces, metrics. */
export const observability = {
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least severe level that is logged.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Where traces go, as OTLP over HTTP (JSON); /v1/traces is added. Off unless set.'),
  OTEL_EXPORTER_OTLP_HEADERS: text
    .optional()
    .describe('Headers of those requests, name=value, separated by commas (or …_FILE).'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe(
      'The part of traces that is kept, 0 to 1; a caller with a traceparent decides for its own.',
    ),
  METRICS_INTERVAL_MS: milliseconds
    .default(15_000)
    .describe(
      'How often one worker counts what is left to do; no more often than metrics are read.',
    ),
};
