import { FAILURE_CODES } from '#domain/errors';
import { isTerminal } from '#domain/status';
import { failureCode } from '../action-facts.ts';
import { cancelsOf } from '../cancels.ts';
import { type ActionRecord, type Answered, entriesOf } from '../run-record.ts';
import { type Breach, type Rule, judgeEach } from '../rule.ts';

/** P4: a cancel that is answered 409 has changed nothing, and what was called finished is. */
export const tooLateChangesNothing: Rule = {
  promise: 'P4',
  guarantee: 'a cancel that came too late changes nothing',
  judge: ({ actions }) =>
    judgeEach(
      cancelsOf(actions, ({ status }) => status === 409),
      ({ action, cancel }) => judgeCancel(action, cancel),
    ),
};

function judgeCancel(action: ActionRecord, cancel: Answered): Breach | undefined {
  const traces = action.events.filter(
    ({ type }) => type === 'cancelRequested' || type === 'cancelled',
  );
  if (traces.length > 0 && !anotherMayHave(action, cancel)) {
    return {
      says: `the cancel of ${action.id} was refused, and left its trace`,
      evidence: [...entriesOf(cancel), ...traces],
    };
  }
  const { row } = action;
  if (!row || cancel.answer.error?.code !== 'alreadyFinished') return undefined;
  if (isTerminal(row.action.status) && failureCode(action) !== FAILURE_CODES.cancelled)
    return undefined;
  return {
    says: `${action.id} was called finished and not cancelled, and is not so`,
    evidence: [...entriesOf(cancel), row],
  };
}

/** Another cancel was taken, or nobody knows what became of it. */
function anotherMayHave({ exchanges }: ActionRecord, cancel: Answered): boolean {
  return exchanges.some(
    (other) =>
      other !== cancel &&
      other.invoke.operation === 'cancel' &&
      [200, 503, undefined].includes(other.answer?.status),
  );
}
