import { FAILURE_CODES } from '#domain/errors';
import { courseOf, failureCode, standingEffects } from '../action-facts.ts';
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
    judgeEach(
      [...actions.values()].filter((action) => WITHOUT_EFFECT.includes(failureCode(action) ?? 0)),
      (action) => {
        if (standingEffects(action).length === 0) return undefined;
        return {
          says: `${action.id} is Failed with code ${failureCode(action)}, and its product did it`,
          evidence: courseOf(action),
        };
      },
    ),
};
