import { actCalls, mayHaveActed } from '../action-facts.ts';
import type { ActionRecord, RunRecord } from '../run-record.ts';
import { type Breach, type Rule, judgeEach } from '../rule.ts';

/** P2: a product that bears no repeats is never called again once it may have acted. */
export const strictProductsActOnce: Rule = {
  promise: 'P2',
  guarantee: 'a product that bears no repeats sees an action once',
  isOfAnyPart: true,
  judge: (record) => judgeEach(ofStrictProducts(record), judgeAction),
};

function ofStrictProducts(record: RunRecord): ActionRecord[] {
  return [...record.actions.values()].filter(
    (action) =>
      record.providerOf(action)?.idempotent === false &&
      (action.calls.length > 0 || action.effects.length > 0),
  );
}

function judgeAction(action: ActionRecord): Breach[] {
  const breaches: Breach[] = [];
  const acts = action.effects.filter(({ isTakenBack }) => !isTakenBack);
  if (acts.length > 1) {
    breaches.push({ says: `${action.id} was done ${acts.length} times`, evidence: acts });
  }
  const calls = actCalls(action);
  const first = calls.findIndex(mayHaveActed);
  const [before, again] = first < 0 ? [] : calls.slice(first, first + 2);
  if (before && again) {
    breaches.push({
      says: `${action.id} was sent again to a product that may have done it already`,
      evidence: [before, again],
    });
  }
  return breaches;
}
