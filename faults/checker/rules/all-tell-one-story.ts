import { EVENT_TYPES } from '#domain/event';
import { isTerminal } from '#domain/status';
import type { EntryOf, ShownAction } from '../../history.ts';
import { firstOfEach } from '../action-facts.ts';
import type { ActionRecord } from '../run-record.ts';
import { type Rule, judgeEach } from '../rule.ts';

/** P3: the row, the history and the events topic say the same, each event once or repeated as it was, in order. */
export const allTellOneStory: Rule = {
  promise: 'P3',
  guarantee: 'row, history and events tell one story',
  judge: ({ actions }) =>
    judgeEach(
      [...actions.values()].filter(({ row, events }) => row !== undefined || events.length > 0),
      (action) => {
        const fault = faultOf(action);
        if (fault === undefined) return undefined;
        const { row, history, events } = action;
        const evidence = [...events, ...[history, row].filter((entry) => entry !== undefined)];
        return { says: `${action.id}: ${fault}`, evidence };
      },
    ),
};

function faultOf({ row, history, events }: ActionRecord): string | undefined {
  if (!row) return 'there are events of it, and it is not stored';
  if (!history) return 'it is stored and has no history';
  return faultOfRow(row, history) ?? faultOfTopic(events, history);
}

type History = EntryOf<'history'>;

function faultOfRow({ version, action }: EntryOf<'row'>, { events }: History): string | undefined {
  if (version !== events.length) return `its version is ${version} after ${events.length} events`;
  const changes = events.filter(({ type }) => EVENT_TYPES[type] !== null);
  const last = changes.at(-1);
  if (action.status !== last?.status)
    return `the row is ${action.status}, the history ${last?.status}`;
  const states = changes.map(({ status, dateTime }) => ({ status, updatedDateTime: dateTime }));
  if (!isSame(action.states, states)) return 'its states are not those of its history';
  if (action.lastActionDateTime !== events.at(-1)?.dateTime) {
    return 'its lastActionDateTime is not that of its last event';
  }
  const end = isTerminal(action.status) ? last.dateTime : null;
  if (action.completedDateTime !== end) return 'its completedDateTime is not that of its end';
  const errorInfo = action.status === 'Failed' ? last.errorInfo : null;
  return isSame(action.errorInfo, errorInfo) ? undefined : 'its errorInfo is not that of its end';
}

function faultOfTopic(events: EntryOf<'event'>[], { events: steps }: History): string | undefined {
  const once = firstOfEach(events);
  const order = once.map(({ sequence }) => sequence);
  const expected = steps.map(({ sequence }) => sequence);
  if (!isSame(order, expected)) {
    return `the events topic has ${order.join(', ') || 'nothing'} of ${expected.join(', ')}`;
  }
  if (new Set(events.map(({ partition }) => partition)).size > 1)
    return 'its events are in two partitions';
  const changed = events.find((event) => !isSame(told(event), told(once[event.sequence - 1]!)));
  if (changed) return `a repeat of its event ${changed.sequence} says something else`;
  const other = once.find((event, index) => !agrees(event, steps[index]!, steps));
  return other && `its event ${other.sequence} is another one on the topic than in its history`;
}

function agrees(
  event: EntryOf<'event'>,
  step: History['events'][number],
  steps: History['events'],
): boolean {
  const { id, type, dateTime, action } = event;
  const changes = steps.filter(
    (one) => one.sequence <= step.sequence && EVENT_TYPES[one.type] !== null,
  );
  const states = changes.map(({ status, dateTime: updatedDateTime }) => ({
    status,
    updatedDateTime,
  }));
  const last = changes.at(-1);
  return (
    id === `${action.id}/${step.sequence}` &&
    type === step.type &&
    dateTime === step.dateTime &&
    action.status === step.status &&
    isSame(action.states, states) &&
    action.lastActionDateTime === step.dateTime &&
    action.completedDateTime === (isTerminal(step.status) ? last?.dateTime : null) &&
    isSame(action.errorInfo, step.status === 'Failed' ? last?.errorInfo : null)
  );
}

/** What an event says, without where and when it was read. */
function told({ id, type, dateTime, tenant, action }: EntryOf<'event'>) {
  return { id, type, dateTime, tenant, action };
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

/** Properties in one order: what was stored as jsonb comes back in another. */
function sorted(value: unknown): unknown {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.entries(value as Partial<ShownAction>)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, one]) => [name, sorted(one)])
    : Array.isArray(value)
      ? value.map(sorted)
      : value;
}
