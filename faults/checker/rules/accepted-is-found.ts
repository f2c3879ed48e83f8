import {
  type ActionRecord,
  type Answered,
  acceptedId,
  entriesOf,
  isAnswered,
} from '../run-record.ts';
import { mayBeDeleted } from '../action-facts.ts';
import { EXCUSED, type Rule, judgeEach } from '../rule.ts';

/** P1: whoever was answered 201 finds the action from then on, until somebody deletes it. */
export const acceptedIsFound: Rule = {
  promise: 'P1',
  guarantee: 'what was accepted is found',
  judge: ({ actions }) =>
    judgeEach(
      [...actions.values()].flatMap((action) => looksAfterAcceptance(action)),
      ({ action, accepted, look }) => {
        if (look.answer.status !== 404) return undefined;
        if (mayBeDeleted(action, look)) return EXCUSED;
        return {
          says: `${action.id} was accepted and then not found`,
          evidence: [...entriesOf(accepted), ...entriesOf(look)],
        };
      },
    ),
};

interface Look {
  action: ActionRecord;
  accepted: Answered;
  look: Answered;
}

/** Requests under an id, after a create had been answered with it. */
function looksAfterAcceptance(action: ActionRecord): Look[] {
  const answered = action.exchanges.filter(isAnswered);
  const acceptances = answered.filter((exchange) => acceptedId(exchange) !== undefined);
  return answered.flatMap((look) => {
    const { actionId, tenant, atMs } = look.invoke;
    const accepted = acceptances.find(
      (one) =>
        acceptedId(one) === actionId && one.invoke.tenant === tenant && one.answer.atMs < atMs,
    );
    return accepted ? [{ action, accepted, look }] : [];
  });
}
