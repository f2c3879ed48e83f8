import { type Span, SpanKind, trace } from '@opentelemetry/api';
import type { CreateCommand, ReadCommand } from '#domain/command';
import { headerText } from '#kafka/headers';
import type { BatchMessage, KafkaBatch } from '#kafka/kafka-batch';
import { LIGHT_ROOT } from '#observability/light-context';
import { contextOf, endSpan, linkTo, traceparentOf } from '#observability/trace-context';

const tracer = trace.getTracer('security-actions');

/**
 * The spans of one batch: one for each command, in the trace of the request that it came from, and one for what they
 * have in common, to which they are linked. Whatever happens to the action later is below its span here.
 */
export class IngestTrace {
  readonly #batch: KafkaBatch;
  readonly #span: Span;
  readonly #spans: Span[] = [];

  constructor(batch: KafkaBatch) {
    this.#batch = batch;
    this.#span = tracer.startSpan(
      'ingest batch',
      {
        kind: SpanKind.CONSUMER,
        attributes: {
          'messaging.system': 'kafka',
          'messaging.destination.name': batch.topic,
          'messaging.destination.partition.id': String(batch.partition),
          'messaging.batch.message_count': batch.messages.length,
        },
      },
      LIGHT_ROOT,
    );
  }

  /** A command of the batch begins to be stored. @returns it, with what carries its trace on */
  begin({ headers, offset }: BatchMessage, command: CreateCommand): ReadCommand {
    const parent = contextOf(headerText(headers, 'traceparent'));
    const span = tracer.startSpan(
      'ingest',
      {
        kind: SpanKind.CONSUMER,
        links: [linkTo(this.#span)],
        attributes: {
          'messaging.system': 'kafka',
          'messaging.destination.name': this.#batch.topic,
          'messaging.kafka.offset': Number(offset),
          'action.id': command.action.id,
        },
      },
      parent,
    );
    this.#spans.push(span);
    return { ...command, traceparent: traceparentOf(trace.setSpan(parent, span)) };
  }

  /** @param error why the batch will come again */
  end(error?: unknown): void {
    for (const span of this.#spans) endSpan(span, error);
    endSpan(this.#span, error);
  }
}
