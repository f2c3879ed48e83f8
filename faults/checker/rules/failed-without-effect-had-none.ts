import { FAILURE_CODES } from '#domain/errors';
import { actCalls, courseOf, failureCode, standingEffects } from '../action-facts.ts';
import type { ActionRecord } from '../run-record.ts';
import { type Rule, judgeEach } from '../rule.ts';

/** With these an action says that nothing was done, or that it was taken back. */
const WITHOUT_EFFECT: readonly number[] = [
  FAILURE_CODES.cancelled,
  FAILURE_CODES.retriesExhausted,
  FAILURE_CODES.expired,
  FAILURE_CODES.superseded,
  FAILURE_CODES.invalidRequest,
];

/** P3: an action that ended as not done was not done, and is not done later. */
export const failedWithoutEffectHadNone: Rule = {
  promise: 'P3',
  guarantee: 'what Failed without effect had none',
  judge: ({ actions }) =>
    judgeEach([...actions.values()].filter(endedWithoutEffect), (action) => {
      if (standingEffects(action).length === 0) return undefined;
      return {
        says: `${action.id} is Failed with code ${failureCode(action)}, and its product did it`,
        evidence: courseOf(action),
      };
    }),
};

function endedWithoutEffect(action: ActionRecord): boolean {
  const code = failureCode(action);
  if (code === FAILURE_CODES.providerRejected) return wasOnlyRefused(action);
  return WITHOUT_EFFECT.includes(code ?? 0);
}

/** By the HTTP status of its last call, and nobody said Failed of the action: who says so knows what was done. */
function wasOnlyRefused(action: ActionRecord): boolean {
  const { calls, reports, exchanges } = action;
  const answered = actCalls(action).at(-1)?.answered ?? 0;
  const reported = [...reports, ...exchanges.map(({ invoke }) => invoke)];
  return (
    answered >= 300 &&
    answered < 500 &&
    !calls.some(({ said }) => said === 'Failed') &&
    !reported.some(({ report }) => report?.status === 'Failed')
  );
}
