import {
  type ActionRecord,
  type Answered,
  acceptedId,
  entriesOf,
  isAnswered,
  overAtMs,
} from '../run-record.ts';
import { type Rule, judgeEach } from '../rule.ts';

/** P1: whoever was answered 201 finds the action from then on, until somebody deletes it. */
export const acceptedIsFound: Rule = {
  promise: 'P1',
  guarantee: 'what was accepted is found',
  judge: ({ actions }) =>
    judgeEach(
      [...actions.values()].flatMap((action) => looksAfterAcceptance(action)),
      ({ action, accepted, look }) => {
        if (look.answer.status !== 404 || mayBeDeleted(action, look)) return undefined;
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

function looksAfterAcceptance(action: ActionRecord): Look[] {
  const answered = action.exchanges.filter(isAnswered);
  const accepted = answered
    .filter((exchange) => acceptedId(exchange) === action.id)
    .toSorted((a, b) => a.answer.atMs - b.answer.atMs)[0];
  if (!accepted) return [];
  return answered
    .filter(
      ({ invoke }) => invoke.operation !== 'create' && invoke.tenant === accepted.invoke.tenant,
    )
    .filter(({ invoke }) => invoke.atMs > accepted.answer.atMs)
    .map((look) => ({ action, accepted, look }));
}

/** A delete that was not refused had begun before the answer came. */
function mayBeDeleted({ exchanges }: ActionRecord, look: Answered): boolean {
  return exchanges.some(
    (exchange) =>
      exchange.invoke.operation === 'delete' &&
      exchange !== look &&
      exchange.invoke.atMs < overAtMs(look) &&
      [204, 503, undefined].includes(exchange.answer?.status),
  );
}
