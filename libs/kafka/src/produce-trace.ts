import { SpanKind, SpanStatusCode, context, propagation, trace } from '@opentelemetry/api';
import type { OutgoingHeaders } from './headers.ts';
import type { Topic } from './topics.ts';

const tracer = trace.getTracer('security-actions');

/**
 * Publishes one message in a span of its own, from its way into the queue to its acknowledgement, however many share the
 * request. The trace goes on in the header `traceparent`; a message that has one keeps it.
 */
export function tracePublish<T>(
  topic: Topic,
  headers: OutgoingHeaders,
  publish: (headers: OutgoingHeaders) => Promise<T>,
): Promise<T> {
  const span = tracer.startSpan(`publish ${topic}`, {
    kind: SpanKind.PRODUCER,
    attributes: { 'messaging.system': 'kafka', 'messaging.destination.name': topic },
  });
  const carrier: { traceparent?: string } = {};
  propagation.inject(trace.setSpan(context.active(), span), carrier);
  const { traceparent } = carrier;
  const published = publish(traceparent === undefined ? headers : { traceparent, ...headers });
  if (!span.isRecording()) return published;
  return published.then(
    (receipt) => {
      span.end();
      return receipt;
    },
    (error: Error) => {
      span.setStatus({ code: SpanStatusCode.ERROR });
      span.setAttribute('error.type', error.name);
      span.end();
      throw error;
    },
  );
}
