import type { Entry } from '../../history.ts';
import { courseOf, isClear, standingEffects, wasReported } from '../action-facts.ts';
import { type ActionRecord, entriesOf } from '../run-record.ts';
import { type Rule, judgeEach } from '../rule.ts';

/** P2: Completed is only what a product did, or said that it did. */
export const completedMeansDone: Rule = {
  promise: 'P2',
  guarantee: 'Completed means done',
  judge: ({ actions }) =>
    judgeEach(
      [...actions.values()].filter(({ row }) => row?.action.status === 'Completed'),
      (action) => {
        if (isBacked(action)) return undefined;
        return {
          says: `${action.id} is Completed, and no product did it or said so`,
          evidence: [...action.exchanges.flatMap(entriesOf), ...courseOf(action)],
        };
      },
    ),
};

/** By what stands, by what the product said after it last took something back, or by a report that came before the end. */
function isBacked(action: ActionRecord): boolean {
  if (standingEffects(action).length > 0) return true;
  const takenBackAtMs = action.effects.findLast(({ isTakenBack }) => isTakenBack)?.atMs ?? 0;
  return (
    action.calls.some(
      (call) =>
        (call.answeredAtMs ?? 0) >= takenBackAtMs && (call.said === 'Completed' || saysDone(call)),
    ) || wasReported(action, 'Completed')
  );
}

function saysDone(entry: Entry): boolean {
  if (entry.kind !== 'call' || entry.question !== 'act') return false;
  return isClear(entry) && entry.answered! < 300 && entry.said !== 'Failed';
}
