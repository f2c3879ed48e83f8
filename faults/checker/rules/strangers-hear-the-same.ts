import { type Answered, type RunRecord, entriesOf, isAnswered } from '../run-record.ts';
import { EXCUSED, type Rule, judgeEach } from '../rule.ts';

/** Answers that say nothing about the action, whoever's it is. */
const SAYS_NOTHING: readonly number[] = [401, 429, 503];

/** P6: about another tenant's action one hears exactly what one hears about an action that does not exist. */
export const strangersHearTheSame: Rule = {
  promise: 'P6',
  guarantee: "another tenant's action is the same 404 as none",
  judge: (record) => {
    const answered = record.exchanges
      .filter(isAnswered)
      .filter(({ invoke }) => invoke.actionId !== null);
    const foreign = answered.filter((exchange) => isForeign(record, exchange));
    return judgeEach(foreign, (exchange) => {
      const { invoke, answer } = exchange;
      if (SAYS_NOTHING.includes(answer.status)) return EXCUSED;
      const none = answered.find(
        (other) =>
          other.invoke.operation === invoke.operation &&
          other.answer.status === 404 &&
          !isForeign(record, other),
      );
      if (answer.status === 404) {
        if (!none) return EXCUSED;
        if (none.answer.error?.body === answer.error?.body) return undefined;
      }
      return {
        says: `a ${invoke.operation} of another tenant's ${invoke.actionId} is answered otherwise than one of none`,
        evidence: [...entriesOf(exchange), ...(none ? entriesOf(none) : [])],
      };
    });
  },
};

function isForeign(record: RunRecord, { invoke }: Answered): boolean {
  const row = record.rowOf(invoke.actionId!);
  return row !== undefined && row.action.azureTenantId !== invoke.tenant;
}
