import { FAILURE_CODES } from '#domain/errors';
import { actCalls, failureCode, mayHaveActed, standingEffects } from '../action-facts.ts';
import { type ActionRecord, type Answered, entriesOf } from '../run-record.ts';
import { cancelsOf } from '../cancels.ts';
import { EXCUSED, type Finding, type Rule, judgeEach } from '../rule.ts';

/** P4: after `cancel-outcome: prevented` no product does it, nor is one asked to; before it none can have done it. */
export const preventedIsNeverSeen: Rule = {
  promise: 'P4',
  guarantee: 'a prevented action has no effect, then or later',
  judge: ({ actions }) =>
    judgeEach(
      cancelsOf(
        actions,
        ({ status, cancelOutcome }) => status === 200 && cancelOutcome === 'prevented',
      ),
      ({ action, cancel }) => judgeCancel(action, cancel),
    ),
};

function judgeCancel(action: ActionRecord, cancel: Answered): Finding {
  const seen = actCalls(action).filter(
    (call) => call.atMs > cancel.answer.atMs || mayHaveActed(call),
  );
  const done = standingEffects(action);
  if (seen.length > 0 || done.length > 0) {
    return {
      says: `${action.id} was prevented, and its product saw it`,
      evidence: [...entriesOf(cancel), ...seen, ...done],
    };
  }
  if (!action.row) return EXCUSED;
  if (failureCode(action) === FAILURE_CODES.cancelled) return undefined;
  return {
    says: `${action.id} was prevented, and is ${action.row.action.status} with code ${failureCode(action)}`,
    evidence: [...entriesOf(cancel), action.row],
  };
}
