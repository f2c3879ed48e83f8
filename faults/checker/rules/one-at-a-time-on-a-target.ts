import { isTerminal } from '#domain/status';
import { courseOf } from '../action-facts.ts';
import { orderedPairs, targetOf } from '../ordered-pairs.ts';
import type { ActionRecord, RunRecord } from '../run-record.ts';
import { endDateOf, overlapOf, sights, startOf } from '../target-times.ts';
import { EXCUSED, type Rule, judgeEach } from '../rule.ts';

/**
 * P5: never two actions are under way on one target. Those of which one was accepted before the other was sent have a rule of
 * their own; those that were under way to the service together are judged by the order that it has put them in itself.
 */
export const oneAtATimeOnATarget: Rule = {
  promise: 'P5',
  guarantee: 'of what was sent together, too, one at a time is under way on a target',
  judge: (record) => {
    const ordered = new Set<string>();
    for (const { first, second } of orderedPairs(record)) ordered.add(nameOf(first, second));
    return judgeEach(successions(record), ({ before, action }) => {
      if (ordered.has(nameOf(before, action))) return EXCUSED;
      if (startOf(action) === undefined && sights(action).length === 0) return EXCUSED;
      const fault = overlapOf(before, action);
      if (fault === undefined) return undefined;
      return {
        says: `${action.id} ${fault} ${before.id}, which stands before it on their target`,
        evidence: [...courseOf(before), ...courseOf(action)],
      };
    });
  },
};

/** Of two, in whatever order. */
function nameOf(...two: [ActionRecord, ActionRecord]): string {
  return two
    .map(({ id }) => id)
    .toSorted()
    .join(' ');
}

interface Succession {
  /** Of all that stand before the action on its target, the one that ended last. */
  before: ActionRecord;
  action: ActionRecord;
}

function* successions(record: RunRecord): Generator<Succession> {
  const stored = [...record.actions.values()].filter(({ row }) => row !== undefined);
  const onTargets = Map.groupBy(stored, (action) => targetOf(record.intentOf(action)));
  for (const [target, onTarget] of onTargets) {
    if (target === null) continue;
    const inOrder = onTarget.toSorted((a, b) => a.row!.position - b.row!.position);
    let before: ActionRecord | undefined;
    for (const action of inOrder) {
      if (before) yield { before, action };
      if (!before || isOverLater(action, before)) before = action;
    }
  }
}

function isOverLater(one: ActionRecord, other: ActionRecord): boolean {
  const isOpen = ({ row }: ActionRecord) => !isTerminal(row!.action.status);
  if (isOpen(one) || isOpen(other)) return isOpen(one);
  return endDateOf(one) >= endDateOf(other);
}
