import { type Span, TraceFlags, trace } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { LIGHT_ROOT } from './light-context.ts';
import { contextBelow, contextIn, contextOf } from './trace-context.ts';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const OWN = {
  traceId: '1af7651916cd43dd8448eb211c80319c',
  spanId: 'c7ad6b7169203331',
  traceFlags: TraceFlags.NONE,
};

function spanThat(isRecorded: boolean): Span {
  const span = trace.wrapSpanContext(OWN);
  return Object.assign(span, { isRecording: () => isRecorded });
}

describe('the context of a traceparent of our own', () => {
  it.each([TRACEPARENT, TRACEPARENT.replace(/01$/, '00')])('is what any one names: %s', (text) => {
    const named = trace.getSpanContext(contextIn(text));
    expect(named).toEqual(trace.getSpanContext(contextOf(text)));
    expect(named).toMatchObject({ isRemote: true, traceFlags: Number(text.slice(-2)) });
  });

  it.each([null, undefined, ''])('is that of nothing without one: %j', (none) => {
    expect(contextIn(none)).toBe(LIGHT_ROOT);
  });
});

describe('the context of what belongs to a span', () => {
  const parent = contextOf(TRACEPARENT);

  it('names the span, if that is recorded', () => {
    expect(trace.getSpanContext(contextBelow(parent, spanThat(true)))).toEqual(OWN);
  });

  it('is that of its parent, if it is not', () => {
    expect(contextBelow(parent, spanThat(false))).toBe(parent);
  });

  it('keeps the decision against a record for all below it where there is no parent', () => {
    expect(trace.getSpanContext(contextBelow(LIGHT_ROOT, spanThat(false)))).toEqual(OWN);
  });
});
