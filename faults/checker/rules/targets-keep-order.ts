import type { Entry } from '../../history.ts';
import { firstOfEach } from '../action-facts.ts';
import { type OrderedPair, orderedPairs } from '../ordered-pairs.ts';
import { overlapOf, sights } from '../target-times.ts';
import { type Rule, judgeEach } from '../rule.ts';

/**
 * P5: of two actions on one target, of which the second was sent after the first was accepted, the second starts after
 * the first has ended: in the order of acceptance, by the times of the database, and as the product saw them.
 */
export const targetsKeepOrder: Rule = {
  promise: 'P5',
  guarantee: 'what is sent later on a target starts after what was accepted before has ended',
  judge: (record) =>
    judgeEach(orderedPairs(record), (pair) => {
      const fault = faultOf(pair);
      if (fault === undefined) return undefined;
      return {
        says: `${pair.second.id} ${fault} ${pair.first.id}, which was accepted before it was sent`,
        evidence: evidenceOf(pair),
      };
    }),
};

function faultOf({ first, second }: OrderedPair): string | undefined {
  if (first.row!.position > second.row!.position) return 'is stored before';
  return overlapOf(first, second);
}

function evidenceOf({ first, second, accepted, sent }: OrderedPair): Entry[] {
  const parts = [first, second].flatMap((action) => [
    ...firstOfEach(action.events).filter(({ type }) => type !== 'created'),
    ...sights(action).slice(0, 1),
    action.row!,
  ]);
  return [accepted, sent, ...parts];
}
