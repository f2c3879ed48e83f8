import {
  type Context,
  type Link,
  type Span,
  SpanStatusCode,
  context,
  isSpanContextValid,
  propagation,
  trace,
} from '@opentelemetry/api';
import { parseTraceParent } from '@opentelemetry/core';
import { LIGHT_ROOT } from './light-context.ts';

/*
 * The trace of an action as text, the way it travels: in the header `traceparent` of requests, messages and calls, and in
 * the row of the action. A text that is none stands for no trace.
 */

/** The context that a `traceparent` names. */
export function contextOf(traceparent: string | null | undefined): Context {
  const named = traceparent ? parseTraceParent(traceparent) : null;
  return named ? trace.setSpanContext(LIGHT_ROOT, { ...named, isRemote: true }) : LIGHT_ROOT;
}

/** The same of one that `traceparentOf` wrote, and so needs no check. */
export function contextIn(traceparent: string | null | undefined): Context {
  if (!traceparent) return LIGHT_ROOT;
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-', 4);
  const named = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return trace.setSpanContext(LIGHT_ROOT, named);
}

/**
 * The context of what belongs to a span that has not ended. One that is not recorded has nothing to add to that of a parent with
 * a trace: nobody will look for what is below it. Without a parent it stands for the whole trace, and that it is not recorded.
 */
export function contextBelow(parent: Context, span: Span): Context {
  if (!span.isRecording() && trace.getSpanContext(parent)) return parent;
  return trace.setSpan(parent, span);
}

/** A context as `traceparent`; undefined when it belongs to no trace. */
export function traceparentOf(traced: Context = context.active()): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(traced, carrier);
  return carrier.traceparent;
}

/** The id by which log lines and traces are found together. */
export function traceIdOf(traced: Context = context.active()): string | undefined {
  const found = trace.getSpanContext(traced);
  return found && isSpanContextValid(found) ? found.traceId : undefined;
}

/** The same of a `traceparent` that `traceparentOf` wrote, and so needs no check. */
export function traceIdIn(traceparent: string | null | undefined): string | undefined {
  return traceparent?.split('-', 2)[1];
}

/** A link to what a span has in common with others, such as the batch it came in. */
export function linkTo(span: Span): Link {
  return { context: span.spanContext() };
}

/** Ends a span; with an error when there was one. Its message stays out: it may quote what must not leave. */
export function endSpan(span: Span, error?: unknown): void {
  if (error !== undefined) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.setAttribute('error.type', error instanceof Error ? error.name : typeof error);
  }
  span.end();
}
