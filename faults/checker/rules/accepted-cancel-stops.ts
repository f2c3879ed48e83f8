import { FAILURE_CODES } from '#domain/errors';
import { isTerminal } from '#domain/status';
import { actCalls, failureCode } from '../action-facts.ts';
import { cancelsOf } from '../cancels.ts';
import { type ActionRecord, type Answered, type RunRecord, entriesOf } from '../run-record.ts';
import { type Breach, type Rule, judgeEach, together } from '../rule.ts';

/** P4: after `cancel-outcome: accepted` no further call is made; a cancel of what is cancelled already finds it so. */
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

function judgeAccepted(
  { run }: RunRecord,
  action: ActionRecord,
  cancel: Answered,
): Breach | undefined {
  // One that was claimed before the cancel may still be on its way.
  const late = actCalls(action).filter(
    ({ atMs }) => atMs > cancel.answer.atMs + run.bounds.stragglerMs,
  );
  if (late.length > 0) {
    return {
      says: `the cancel of ${action.id} was accepted, and it was sent to its product after that`,
      evidence: [...entriesOf(cancel), ...late],
    };
  }
  const { row } = action;
  if (!row || isTerminal(row.action.status) || row.waitingFor !== null) return undefined;
  return {
    says: `the cancel of ${action.id} was accepted, and nothing followed`,
    evidence: [...entriesOf(cancel), row],
  };
}

function judgeRepeated(action: ActionRecord, cancel: Answered): Breach | undefined {
  if (!action.row || failureCode(action) === FAILURE_CODES.cancelled) return undefined;
  return {
    says: `${action.id} was answered as cancelled already, and is ${action.row.action.status}`,
    evidence: [...entriesOf(cancel), action.row],
  };
}
