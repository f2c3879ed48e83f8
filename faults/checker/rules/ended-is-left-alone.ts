import { actCalls, endOf, knownEndedAtMs } from '../action-facts.ts';
import { callsBegunAfter } from '../late-calls.ts';
import type { ActionRecord, RunRecord } from '../run-record.ts';
import { type Breach, type Rule, judgeEach } from '../rule.ts';

/**
 * P2: nobody calls a product for an action that has ended. A call that was on its way already may arrive later, so only
 * what was certainly begun after the end counts.
 */
export const endedIsLeftAlone: Rule = {
  promise: 'P2',
  guarantee: 'what has ended is not sent again',
  judge: (record) =>
    judgeEach(
      [...record.actions.values()].filter((action) => endOf(action) && actCalls(action).length > 0),
      (action) => judgeAction(record, action),
    ),
};

function judgeAction(record: RunRecord, action: ActionRecord): Breach | undefined {
  const { attempt, attemptId } = endOf(action)!;
  const stop = { atMs: knownEndedAtMs(action), attempt, attemptId };
  const late = callsBegunAfter(record, action, stop);
  if (late.length === 0) return undefined;
  const ends = action.events.filter(({ type }) => type === endOf(action)!.type).slice(0, 1);
  return {
    says: `${action.id} was sent to its product after it had ended`,
    evidence: [...ends, ...late],
  };
}
