import { FAILURE_CODES } from '#domain/errors';
import { isTerminal } from '#domain/status';
import {
  actCalls,
  endOf,
  failureCode,
  knownEndedAtMs,
  knownFromMs,
  mayHaveActed,
  workFaultsDuring,
} from '../action-facts.ts';
import { cancelsOf } from '../cancels.ts';
import { callsBegunAfter } from '../late-calls.ts';
import { type ActionRecord, type Answered, type RunRecord, entriesOf } from '../run-record.ts';
import { EXCUSED, type Finding, type Rule, judgeEach, together } from '../rule.ts';

/**
 * P4: after `cancel-outcome: accepted` no further call is made, the wish is on record, and who can take it back is asked; a
 * cancel of what is cancelled already finds it so.
 */
export const acceptedCancelStops: Rule = {
  promise: 'P4',
  guarantee: 'an accepted cancel stops every later call',
  judge: (record) =>
    together(
      judgeEach(
        cancelsOf(
          record.actions,
          ({ status, cancelOutcome }) => status === 200 && cancelOutcome === 'accepted',
        ),
        ({ action, cancel }) => judgeAccepted(record, action, cancel),
      ),
      judgeEach(
        cancelsOf(
          record.actions,
          ({ status, cancelOutcome }) => status === 200 && cancelOutcome === null,
        ),
        ({ action, cancel }) => judgeRepeated(action, cancel),
      ),
    ),
};

function judgeAccepted(record: RunRecord, action: ActionRecord, cancel: Answered): Finding {
  const { attempt = null, attemptId = null } = wishOf(action) ?? {};
  const stop = { atMs: cancel.answer.atMs, attempt, attemptId };
  const late = callsBegunAfter(record, action, stop);
  if (late.length > 0) {
    return {
      says: `the cancel of ${action.id} was accepted, and it was sent to its product after that`,
      evidence: [...entriesOf(cancel), ...late],
    };
  }
  const { row, history } = action;
  if (!row || !history) return EXCUSED;
  const evidence = [...entriesOf(cancel), ...action.calls, history, row];
  if (!wasTaken(action)) {
    return { says: `the cancel of ${action.id} was accepted, and is not on record`, evidence };
  }
  if (hadToBeAsked(record, action, cancel)) {
    return {
      says: `the cancel of ${action.id} was accepted, and its product was never asked to take it back`,
      evidence,
    };
  }
  if (isTerminal(row.action.status) || row.waitingFor !== null) return undefined;
  return { says: `the cancel of ${action.id} was accepted, and nothing followed`, evidence };
}

/** The event that says that somebody wants it stopped. */
function wishOf({ history }: ActionRecord) {
  return history?.events.find(({ type }) => type === 'cancelRequested');
}

/** As a wish, or by an end: between two calls of which one may have acted its outcome is unknown. */
function wasTaken(action: ActionRecord): boolean {
  if (wishOf(action)) return true;
  const code = failureCode(action);
  return code === FAILURE_CODES.outcomeUnknown || code === FAILURE_CODES.cancelled;
}

/**
 * A product that can take it back is asked, unless there was nothing to take back, the action ended by itself before it
 * could be, or a fault kept the worker from it.
 */
function hadToBeAsked(record: RunRecord, action: ActionRecord, cancel: Answered): boolean {
  const provider = record.providerOf(action);
  if (!provider?.cancel || provider.type !== 'webhook' || !wishOf(action)) return false;
  if (action.calls.some(({ question }) => question === 'cancel')) return false;
  if (endOf(action)?.type === 'cancelled') return actCalls(action).some(mayHaveActed);
  const wasSlow = knownEndedAtMs(action) > cancel.answer.atMs + record.run.bounds.endInTimeMs;
  const span = { fromMs: knownFromMs(action), toMs: knownEndedAtMs(action) };
  return wasSlow && workFaultsDuring(record, provider.key, span).length === 0;
}

function judgeRepeated(action: ActionRecord, cancel: Answered): Finding {
  if (!action.row) return EXCUSED;
  if (failureCode(action) === FAILURE_CODES.cancelled) return undefined;
  return {
    says: `${action.id} was answered as cancelled already, and is ${action.row.action.status}`,
    evidence: [...entriesOf(cancel), action.row],
  };
}
