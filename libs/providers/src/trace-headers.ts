import { context, propagation } from '@opentelemetry/api';

/** The trace of the call under way (`traceparent`), for the headers of a request to a product; empty if there is none. */
export function traceHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(context.active(), headers);
  return headers;
}
