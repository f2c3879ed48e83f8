import { isTerminal } from '#domain/status';
import type { EntryOf } from '../../history.ts';
import { courseOf } from '../action-facts.ts';
import type { RunRecord } from '../run-record.ts';
import { type Rule, judgeEach } from '../rule.ts';

/** P1: at the end, an action has ended or says what it waits for; and that is there. */
export const everythingEndsOrSaysWhy: Rule = {
  promise: 'P1',
  guarantee: 'what is stored ends, or says what it waits for',
  judge: (record) =>
    judgeEach(
      [...record.actions.values()].filter(({ row }) => row !== undefined),
      (action) => {
        const row = action.row!;
        if (isTerminal(row.action.status)) return undefined;
        const fault = faultOfWaiting(record, row);
        if (fault === undefined) return undefined;
        return {
          says: `${action.id} is ${row.action.status} at the end ${fault}`,
          evidence: courseOf(action),
        };
      },
    ),
};

function faultOfWaiting(record: RunRecord, row: EntryOf<'row'>): string | undefined {
  if (row.waitingFor === null) return 'and does not say what it waits for';
  const [what, id] = row.waitingFor.split(':');
  if (what !== 'target') return undefined;
  const before = record.rowOf(id ?? '');
  if (before && before.targetKey === row.targetKey && !isTerminal(before.action.status))
    return undefined;
  return `and waits for ${id}, which is not in its way`;
}
