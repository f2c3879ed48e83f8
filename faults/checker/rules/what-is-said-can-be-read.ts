import { entriesOf, isAnswered } from '../run-record.ts';
import { type Breach, type Rule, judgeEach, together } from '../rule.ts';

/** P3: what an answer is to show it shows, and every call to a product is signed and of the form that it was told. */
export const whatIsSaidCanBeRead: Rule = {
  promise: 'P3',
  guarantee: 'answers and calls can be read',
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
      // Those that could be read: each might have been one of the strays below.
      judgeEach(
        [...actions.values()].flatMap(({ calls }) =>
          calls.filter(({ told }) => told !== undefined),
        ),
        () => undefined,
      ),
      judgeEach(strayCalls, (call): Breach => {
        return { says: `a call to ${call.path} is none: ${call.reason}`, evidence: [call] };
      }),
    ),
};
