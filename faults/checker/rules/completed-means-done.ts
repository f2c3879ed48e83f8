import type { Entry } from '../../history.ts';
import { courseOf, isClear } from '../action-facts.ts';
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

function isBacked(action: ActionRecord): boolean {
  if (action.effects.length > 0) return true;
  if (action.calls.some((call) => call.said === 'Completed' || saysDone(call))) return true;
  if (action.reports.some(({ report }) => report?.status === 'Completed')) return true;
  return action.exchanges.some(
    ({ invoke, answer }) =>
      invoke.report?.status === 'Completed' && [200, 503, undefined].includes(answer?.status),
  );
}

function saysDone(entry: Entry): boolean {
  if (entry.kind !== 'call' || entry.question !== 'act') return false;
  return isClear(entry) && entry.answered! < 300 && entry.said !== 'Failed';
}
