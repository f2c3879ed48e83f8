import { FAILURE_CODES } from '#domain/errors';
import { isTerminal } from '#domain/status';
import type { Entry } from '../../history.ts';
import { failureCode } from '../action-facts.ts';
import { cancelsOf } from '../cancels.ts';
import {
  type ActionRecord,
  type Answered,
  type RunRecord,
  entriesOf,
  isAnswered,
} from '../run-record.ts';
import { type Breach, EXCUSED, type Finding, type Rule, judgeEach } from '../rule.ts';

/** What Postgres dated and what the recorder timed are compared by one wall clock; this is for its steps. */
const CLOCK_MARGIN_MS = 1000;

/** P4: a cancel that is answered 409 has changed nothing, what was called finished is, and what was called busy was. */
export const tooLateChangesNothing: Rule = {
  promise: 'P4',
  guarantee: 'a cancel that came too late changes nothing',
  judge: (record) =>
    judgeEach(
      cancelsOf(record.actions, ({ status }) => status === 409),
      ({ action, cancel }) => judgeCancel(record, action, cancel),
    ),
};

function judgeCancel(record: RunRecord, action: ActionRecord, cancel: Answered): Finding {
  const traces = action.events.filter(
    ({ type }) => type === 'cancelRequested' || type === 'cancelled',
  );
  if (traces.length > 0 && !anotherMayHave(action, cancel)) {
    return {
      says: `the cancel of ${action.id} was refused, and left its trace`,
      evidence: [...entriesOf(cancel), ...traces],
    };
  }
  const { row } = action;
  if (!row) return EXCUSED;
  const code = cancel.answer.error?.code;
  if (code === 'alreadyFinished') return judgeFinished(record, action, cancel);
  if (code === 'cannotCancel') return judgeBusy(record, action, cancel);
  return {
    says: `the cancel of ${action.id} was refused as ${code}`,
    evidence: [...entriesOf(cancel), row],
  };
}

function judgeFinished(
  record: RunRecord,
  action: ActionRecord,
  cancel: Answered,
): Breach | undefined {
  const row = action.row!;
  const { status, completedDateTime, createdDateTime } = row.action;
  if (!isTerminal(status) || failureCode(action) === FAILURE_CODES.cancelled) {
    return {
      says: `${action.id} was called finished and not cancelled, and is not so`,
      evidence: [...entriesOf(cancel), row],
    };
  }
  // One that an API process whose clock was ahead has accepted may carry the time of its creation to its end.
  const endedLater =
    completedDateTime !== createdDateTime &&
    isAfter(record, completedDateTime!, cancel.answer.atMs);
  const open = viewsAfter(action, cancel).find(({ answer }) =>
    answer.shown.some((shown) => !isTerminal(shown.status)),
  );
  if (!endedLater && !open) return undefined;
  return {
    says: `${action.id} was called finished before it was`,
    evidence: [...entriesOf(cancel), ...(open ? entriesOf(open) : []), row],
  };
}

/** Only what was claimed, or reported as running, is with its product; and only one that can take nothing back refuses. */
function judgeBusy(record: RunRecord, action: ActionRecord, cancel: Answered): Breach | undefined {
  const { row, history } = action;
  const evidence: Entry[] = [...entriesOf(cancel), ...(history ? [history] : []), row!];
  if (record.providerOf(action)?.cancel) {
    return { says: `the cancel of ${action.id} was refused, and its product can cancel`, evidence };
  }
  const ended = viewsBefore(action, cancel).find(({ answer }) =>
    answer.shown.some(({ status }) => isTerminal(status)),
  );
  if (ended) {
    return {
      says: `${action.id} was shown ended, and then called busy`,
      evidence: [...entriesOf(ended), ...entriesOf(cancel)],
    };
  }
  const started = history?.events.find(({ type }) => type === 'started');
  const hadStarted =
    started !== undefined &&
    (started.dateTime === row!.action.createdDateTime ||
      !isAfter(record, started.dateTime, cancel.answer.atMs));
  if (hadStarted) return undefined;
  return { says: `the cancel of ${action.id} was refused before it had started`, evidence };
}

/** Answers about the action to requests that were sent after this cancel was answered. */
function viewsAfter(action: ActionRecord, cancel: Answered): Answered[] {
  return viewsOf(action).filter(({ invoke }) => invoke.atMs > cancel.answer.atMs);
}

/** Answers about the action that had come before this cancel was sent. */
function viewsBefore(action: ActionRecord, cancel: Answered): Answered[] {
  return viewsOf(action).filter(({ answer }) => answer.atMs < cancel.invoke.atMs);
}

/** The 201 of a create that is no replay says what will be, and not what is stored. */
function viewsOf({ exchanges }: ActionRecord): Answered[] {
  return exchanges
    .filter(isAnswered)
    .filter(({ invoke, answer }) => invoke.operation !== 'create' || answer.isReplay);
}

function isAfter({ run }: RunRecord, dateTime: string, atMs: number): boolean {
  return Date.parse(dateTime) > Date.parse(run.startedAt) + atMs + CLOCK_MARGIN_MS;
}

/** Another cancel was taken, or nobody knows what became of it. */
function anotherMayHave({ exchanges }: ActionRecord, cancel: Answered): boolean {
  return exchanges.some(
    (other) =>
      other !== cancel &&
      other.invoke.operation === 'cancel' &&
      [200, 503, undefined].includes(other.answer?.status),
  );
}
