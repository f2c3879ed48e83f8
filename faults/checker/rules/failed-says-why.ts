import { FAILURE_CODES } from '#domain/errors';
import {
  actCalls,
  courseOf,
  endOf,
  failureCode,
  isClear,
  knownEndedAtMs,
  mayHaveActed,
  wasReported,
} from '../action-facts.ts';
import { type ActionRecord, type RunRecord, entriesOf } from '../run-record.ts';
import { sharesItsKey } from '../shared-keys.ts';
import { EXCUSED, type Finding, type Rule, judgeEach } from '../rule.ts';

/** P3: an action Failed for the reason that its code gives. When an outcome is unknown is a rule of its own. */
export const failedSaysWhy: Rule = {
  promise: 'P3',
  guarantee: 'what Failed did so for the reason that it gives',
  judge: (record) =>
    judgeEach(
      [...record.actions.values()].filter(
        (action) =>
          action.row?.action.status === 'Failed' &&
          failureCode(action) !== FAILURE_CODES.outcomeUnknown,
      ),
      (action) => judgeAction(record, action),
    ),
};

function judgeAction(record: RunRecord, action: ActionRecord): Finding {
  const code = failureCode(action) ?? 0;
  const reason = REASONS[code] ?? { says: 'which is no code of ours', isGiven: () => false };
  const isGiven = reason.isGiven(record, action);
  if (isGiven === EXCUSED) return EXCUSED;
  if (isGiven) return undefined;
  return {
    says: `${action.id} is Failed with code ${code}, ${reason.says}`,
    evidence: [...action.exchanges.flatMap(entriesOf), ...action.reports, ...courseOf(action)],
  };
}

interface Reason {
  /** What is wrong where it is not given. */
  says: string;
  isGiven: (record: RunRecord, action: ActionRecord) => boolean | typeof EXCUSED;
}

const REASONS: Record<number, Reason> = {
  [FAILURE_CODES.cancelled]: {
    says: 'and nobody had cancelled it, or its product had not taken it back',
    isGiven: wasCancelled,
  },
  [FAILURE_CODES.providerRejected]: {
    says: 'and its product had not refused it',
    isGiven: wasRefused,
  },
  [FAILURE_CODES.retriesExhausted]: {
    says: 'and its attempts were not used up in vain',
    isGiven: wasTriedInVain,
  },
  [FAILURE_CODES.expired]: {
    says: 'and no run is as long as a queueTimeoutMs',
    isGiven: () => false,
  },
  [FAILURE_CODES.superseded]: {
    says: 'and no run has timed reverts',
    isGiven: () => false,
  },
  [FAILURE_CODES.invalidRequest]: {
    says: 'and its key, if it has one, was used for nothing else',
    isGiven: (record, action) => {
      const own = record.intentOf(action);
      return own !== undefined && sharesItsKey(record, own);
    },
  },
};

/** And if a call may have acted, its product said that it is undone. What simulated ones say is not seen. */
function wasCancelled(_record: RunRecord, action: ActionRecord): boolean {
  const endedAtMs = knownEndedAtMs(action);
  const isWanted = action.exchanges.some(
    ({ invoke, answer }) =>
      invoke.operation === 'cancel' &&
      (typeof answer?.cancelOutcome === 'string' ||
        ([503, undefined].includes(answer?.status) && invoke.atMs < endedAtMs)),
  );
  const isUndone = action.calls.some(
    ({ question, said }) => question === 'cancel' && said === 'Failed',
  );
  return isWanted && (isUndone || !actCalls(action).some(mayHaveActed));
}

/** By its answer, when it was asked, or by a report. What simulated ones answer is not seen, but what they were told is. */
function wasRefused(record: RunRecord, action: ActionRecord): boolean | typeof EXCUSED {
  if (wasReported(action, 'Failed')) return true;
  if (record.providerOf(action)?.type === 'simulated') return isUnseen(record, action);
  return (
    action.calls.some(({ said }) => said === 'Failed') ||
    actCalls(action).some((call) => isClear(call) && mayHaveActed(call) && call.answered! >= 300)
  );
}

/** Each attempt was answered as not done, the last one too, and none is left. */
function wasTriedInVain(record: RunRecord, action: ActionRecord): boolean | typeof EXCUSED {
  const provider = record.providerOf(action);
  const attemptsMax = provider?.attemptsMax;
  const { attempt } = endOf(action) ?? {};
  if (attemptsMax !== undefined && attempt !== attemptsMax) return false;
  if (provider?.type === 'simulated') return isUnseen(record, action);
  const calls = actCalls(action);
  const attempts = new Set(calls.map((call) => call.attempt));
  return !calls.some(mayHaveActed) && attempts.size >= (attemptsMax ?? 1);
}

/** What a simulated product answered is not seen; but one that was told to do it without ado had no reason. */
function isUnseen(record: RunRecord, action: ActionRecord): false | typeof EXCUSED {
  return record.intentOf(action)?.intent.isPrompt === false ? EXCUSED : false;
}
