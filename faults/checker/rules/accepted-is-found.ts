import type { Entry } from '../../history.ts';
import {
  type ActionRecord,
  type Answered,
  type RunRecord,
  entriesOf,
  isAnswered,
} from '../run-record.ts';
import { mayBeDeleted } from '../action-facts.ts';
import { EXCUSED, type Rule, judgeEach } from '../rule.ts';

/**
 * P1: what was answered 201, or shown by an event or any other answer, is found from then on, until somebody deletes it. So
 * that is judged, too, of what came by a message, or of which the 201 was lost.
 */
export const acceptedIsFound: Rule = {
  promise: 'P1',
  guarantee: 'what was accepted is found',
  judge: (record) =>
    judgeEach(looksAfterAcceptance(record), ({ action, shown, look }) => {
      if (look.answer.status !== 404) return undefined;
      if (mayBeDeleted(action, look)) return EXCUSED;
      return {
        says: `${action.id} was ${shown[0]?.kind === 'event' ? 'published' : 'accepted'} and then not found`,
        evidence: [...shown, ...entriesOf(look)],
      };
    }),
};

interface Look {
  action: ActionRecord;
  /** What showed before that it is there. */
  shown: Entry[];
  look: Answered;
}

/** Requests under an id, after an answer or an event had shown it to the same tenant. */
function* looksAfterAcceptance(record: RunRecord): Generator<Look> {
  const answers = firstAnswers(record);
  for (const action of record.actions.values()) {
    for (const look of action.exchanges.filter(isAnswered)) {
      const { actionId, tenant, atMs } = look.invoke;
      if (actionId === null) continue;
      const answer = answers.get(nameOf(tenant, actionId));
      const event = action.events.find(
        (one) => one.action.id === actionId && one.tenant === tenant,
      );
      if (answer && answer.answer.atMs < atMs) yield { action, shown: entriesOf(answer), look };
      else if (event && event.atMs < atMs) yield { action, shown: [event], look };
    }
  }
}

/** By tenant and id, the first answer that shows it, or is about it and says that it is there. */
function firstAnswers({ exchanges }: RunRecord): Map<string, Answered> {
  const first = new Map<string, Answered>();
  const inOrder = exchanges.filter(isAnswered).toSorted((a, b) => a.answer.atMs - b.answer.atMs);
  for (const exchange of inOrder) {
    const { invoke, answer } = exchange;
    if (answer.status >= 300) continue;
    const ids = [
      ...answer.shown.map(({ id }) => id),
      ...(invoke.actionId ? [invoke.actionId] : []),
    ];
    for (const id of ids) {
      const name = nameOf(invoke.tenant, id);
      if (!first.has(name)) first.set(name, exchange);
    }
  }
  return first;
}

function nameOf(tenant: string, id: string): string {
  return `${tenant} ${id}`;
}
