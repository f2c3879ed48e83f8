import type { EntryOf } from '../../history.ts';
import { type RunRecord, entriesOf, isAnswered } from '../run-record.ts';
import { type Breach, type Rule, judgeEach, together } from '../rule.ts';

/** P3: what an answer is to show it shows, and every call to a product is signed and of the form that it was told. */
export const whatIsSaidCanBeRead: Rule = {
  promise: 'P3',
  guarantee: 'answers and calls can be read',
  isOfAnyPart: true,
  judge: ({ exchanges, actions, strayCalls }) =>
    together(
      judgeEach(
        exchanges.filter(isAnswered).filter(({ answer }) => answer.isUnreadable !== undefined),
        (exchange) => {
          const { invoke, answer } = exchange;
          if (!answer.isUnreadable) return undefined;
          return {
            says: `the ${answer.status} to a ${invoke.operation} cannot be read`,
            evidence: entriesOf(exchange),
          };
        },
      ),
      judgeEach([...callsRead(actions), ...strayCalls], (call): Breach | undefined => {
        if (call.kind === 'call') return undefined;
        return { says: `a call to ${call.path} is none: ${call.reason}`, evidence: [call] };
      }),
    ),
};

/** Of the products that tell whether they could read what they were sent; of others no call could be found wrong. */
function callsRead(actions: RunRecord['actions']): EntryOf<'call'>[] {
  return [...actions.values()].flatMap(({ calls }) =>
    calls.filter(({ told }) => told !== undefined),
  );
}
