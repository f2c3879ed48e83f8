import type { Exchange } from './http-endpoint.ts';
import type { Finding, Outcome } from './provider.ts';
import { retryAfterMs } from './retry-after.ts';
import { readAnswer, refusalOf } from './webhook-messages.ts';

/*
 * The table of answers of docs/providers.md. Two rules decide what it leaves open: an action is Completed only when the
 * product said so, and what may have been done is never called not done. A refusal by HTTP status alone is of one call: "already
 * isolated" or a gateway's 404 do not say that an earlier call had no effect.
 */

/** A POST that made something is often answered 201; it says no less than 200. */
const DONE = [200, 201, 204];
const ACCEPTED = 202;
const NOT_DONE = [408, 425, 429, 503];
const NOT_LET_IN = [401, 403];

type Answer = Extract<Exchange, { kind: 'answered' }>;

/** What the end of a call to `url` means. */
export function outcomeOf(exchange: Exchange): Outcome {
  switch (exchange.kind) {
    case 'notSent':
      return { kind: 'unavailable', reason: `nothing was sent: ${exchange.reason}` };
    case 'unanswered':
      return { kind: 'mayHaveActed', reason: `sent, without an answer: ${exchange.reason}` };
    case 'answered':
      return outcomeOfAnswer(exchange);
  }
}

function outcomeOfAnswer(answer: Answer): Outcome {
  const { status, body, retryAfter } = answer;
  const remark = { reason: `HTTP ${status}`, subcode: status };
  const pauseMs = retryAfterMs(retryAfter);
  const pause = pauseMs === undefined ? {} : { retryAfterMs: pauseMs };
  if (DONE.includes(status)) return outcomeOfDone(answer);
  if (status === ACCEPTED) return { kind: 'accepted' };
  if (NOT_DONE.includes(status)) return { kind: 'notDone', ...remark, ...pause };
  if (NOT_LET_IN.includes(status)) return { kind: 'unavailable', ...remark, ...pause };
  if (status >= 300 && status < 500) {
    return { kind: 'failed', errorInfo: refusalOf(body, status), onlyThisCall: true };
  }
  return { kind: 'mayHaveActed', ...remark };
}

function outcomeOfDone({ status, body, cutShort }: Answer): Outcome {
  const unclear = (why: string): Outcome => ({
    kind: 'mayHaveActed',
    reason: `HTTP ${status}, ${why}`,
    subcode: status,
  });
  // What is missing could say Failed.
  if (cutShort !== undefined) return unclear(`with only a part of its body: ${cutShort}`);
  const said = readAnswer(body, status);
  if (said === 'silent') return { kind: 'completed' };
  if (said === 'unclear') return unclear('with a body that is not {status, errorInfo}');
  if (said.status === 'Completed') return { kind: 'completed' };
  if (said.status === 'Failed') return { kind: 'failed', errorInfo: said.errorInfo! };
  return { kind: 'accepted' };
}

/** What the end of a call to `cancelUrl` or `probeUrl` means: only a status that was said counts. */
export function findingOf(exchange: Exchange): Finding {
  if (exchange.kind === 'notSent') return { kind: 'unavailable', reason: exchange.reason };
  if (exchange.kind === 'unanswered') return { kind: 'unanswered', reason: exchange.reason };
  const { status, body, cutShort } = exchange;
  if (NOT_DONE.includes(status) || NOT_LET_IN.includes(status)) {
    return { kind: 'unavailable', reason: `HTTP ${status}` };
  }
  const said = status === 200 && cutShort === undefined ? readAnswer(body, status) : 'unclear';
  if (typeof said === 'object') return { kind: 'known', ...said };
  return { kind: 'unanswered', reason: `HTTP ${status} without a status of the action` };
}
