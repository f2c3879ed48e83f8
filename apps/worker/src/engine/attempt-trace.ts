import { type Context, SpanKind, SpanStatusCode, context, trace } from '@opentelemetry/api';
import type { Claim } from '#database/claim.queries';
import type { Settlement } from '#database/settle.queries';
import { contextBelow, contextIn, endSpan } from '#observability/trace-context';
import type { Finding, Outcome } from '#providers/provider';

/*
 * The spans of an attempt: its claim, below the ingest of its action, and below the claim the call and the settlement.
 * Processes and hours may lie between them; the row of the action carries the trace.
 */

const tracer = trace.getTracer('security-actions');
const ANSWERS: (Outcome | Finding)['kind'][] = ['completed', 'failed', 'accepted', 'known'];

/**
 * Notes a claim that was made just now.
 * @param beganAtMs when it was asked for, by the monotonic clock
 * @returns the context for everything that belongs to the attempt
 */
export function traceClaim(claim: Claim, beganAtMs: number): Context {
  const parent = contextIn(claim.traceparent);
  const span = tracer.startSpan(
    'claim',
    { startTime: performance.timeOrigin + beganAtMs, attributes: attributesOf(claim) },
    parent,
  );
  const attempt = contextBelow(parent, span);
  span.end();
  return attempt;
}

/** Runs a call to a provider in a span, which is the active one meanwhile. */
export async function traceCall<T extends Outcome | Finding>(
  { claim, trace: attempt }: { claim: Claim; trace: Context },
  call: string,
  run: () => Promise<T>,
): Promise<T> {
  const span = tracer.startSpan(
    `${call} ${claim.providerKey}`,
    { kind: SpanKind.CLIENT, attributes: attributesOf(claim) },
    attempt,
  );
  const answer = await context.with(contextBelow(attempt, span), run);
  span.setAttribute('call.outcome', answer.kind);
  if (!ANSWERS.includes(answer.kind)) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
  return answer;
}

/** Writes an outcome in a span, waits for Postgres included. */
export async function traceSettlement<T>(
  attempt: Context,
  { actionId, type }: Settlement,
  write: () => Promise<T>,
): Promise<T> {
  const attributes = { 'action.id': actionId, 'settlement.type': type };
  const span = tracer.startSpan('settle', { attributes }, attempt);
  try {
    const written = await context.with(contextBelow(attempt, span), write);
    endSpan(span);
    return written;
  } catch (error) {
    endSpan(span, error);
    throw error;
  }
}

function attributesOf({ actionId, attemptId, attempt, providerKey, actionName, next }: Claim) {
  return {
    'action.id': actionId,
    'action.name': actionName,
    'action.provider': providerKey,
    'attempt.id': attemptId,
    'attempt.number': attempt,
    'attempt.for': next,
  };
}
