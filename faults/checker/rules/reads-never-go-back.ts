import { type Status, isTerminal } from '#domain/status';
import type { EntryOf, ShownAction } from '../../history.ts';
import {
  type ActionRecord,
  type Answered,
  type RunRecord,
  entriesOf,
  isAnswered,
} from '../run-record.ts';
import { type Breach, type Rule, judgeEach } from '../rule.ts';

/** P3: what one answer has shown, no later request is shown less of; and a terminal status is the last word. */
export const readsNeverGoBack: Rule = {
  promise: 'P3',
  guarantee: 'no answer takes back what an earlier one said',
  isOfAnyPart: true,
  judge: (record) => judgeEach(viewsByAction(record).values(), judgeViews),
};

/** One answer's view of one action. */
interface View {
  exchange: Answered;
  shown: ShownAction;
  row: EntryOf<'row'> | undefined;
}

function viewsByAction({ exchanges, actions }: RunRecord): Map<string, View[]> {
  const views = exchanges
    .filter(isAnswered)
    .filter(isView)
    .flatMap((exchange) =>
      exchange.answer.shown.map((shown) => ({
        exchange,
        shown,
        row: rowOf(actions.get(shown.id)),
      })),
    );
  return Map.groupBy(views, ({ shown }) => shown.id);
}

/** The 201 of a create that is no replay says what will be, and not what is stored. */
function isView({ invoke, answer }: Answered): boolean {
  return invoke.operation !== 'create' || answer.isReplay;
}

function rowOf(action: ActionRecord | undefined): EntryOf<'row'> | undefined {
  return action?.row;
}

const RANK: Record<Status, number> = { NotStarted: 0, Running: 1, Completed: 2, Failed: 2 };

function judgeViews(views: View[]): Breach[] {
  const byBegin = views.toSorted((a, b) => a.exchange.invoke.atMs - b.exchange.invoke.atMs);
  const byEnd = views.toSorted((a, b) => a.exchange.answer.atMs - b.exchange.answer.atMs);
  const breaches: Breach[] = [];
  let furthest: View | undefined;
  let next = 0;
  for (const view of byBegin) {
    while (next < byEnd.length && byEnd[next]!.exchange.answer.atMs < view.exchange.invoke.atMs) {
      const past = byEnd[next]!;
      if (!furthest || RANK[past.shown.status] > RANK[furthest.shown.status]) furthest = past;
      next += 1;
    }
    if (furthest && goesBack(furthest.shown, view.shown)) breaches.push(breachOf(furthest, view));
    else if (contradicts(view)) breaches.push(breachOf(view));
  }
  return breaches;
}

function goesBack(before: ShownAction, now: ShownAction): boolean {
  if (RANK[now.status] < RANK[before.status]) return true;
  return isTerminal(before.status) && !isSameEnd(before, now);
}

/** It is not what the end says: another terminal status, or states that it has never had. */
function contradicts({ shown, row }: View): boolean {
  if (!row) return false;
  if (isTerminal(shown.status) && !isSameEnd(shown, row.action)) return true;
  const past = row.action.states.slice(0, shown.states.length);
  return (
    JSON.stringify(past.map(({ status }) => status)) !==
    JSON.stringify(shown.states.map(({ status }) => status))
  );
}

function isSameEnd(one: ShownAction, other: ShownAction): boolean {
  return (
    one.status === other.status &&
    one.errorInfo?.code === other.errorInfo?.code &&
    one.completedDateTime === other.completedDateTime
  );
}

function breachOf(...views: View[]): Breach {
  const said = views.map(({ shown }) => shown.status);
  const { row, shown } = views.at(-1)!;
  const against = views.length > 1 ? '' : `, and is ${row?.action.status} in the end`;
  return {
    says: `${shown.id} was answered ${said.join(', then ')}${against}`,
    evidence: [
      ...views.flatMap(({ exchange }) => entriesOf(exchange)),
      ...(row && views.length === 1 ? [row] : []),
    ],
  };
}
