import { FAILURE_CODES } from '#domain/errors';
import { faultsDuring } from '../action-facts.ts';
import {
  type Exchange,
  type IntentRecord,
  type RunRecord,
  acceptedId,
  entriesOf,
} from '../run-record.ts';
import { sharedKeys } from '../shared-keys.ts';
import { type Breach, type Rule, judgeEach, together } from '../rule.ts';

/** An SDK's resend is one with its original if both were accepted within this, whatever else it carries. */
const RESEND_MS = 60_000;

/** P2: a create makes one action, however often it or a message of it is sent, redelivered or replayed. */
export const oneCreateIsOneAction: Rule = {
  promise: 'P2',
  guarantee: 'a create makes one action',
  judge: (record) =>
    together(
      judgeEach(record.intents, (intent) => judgeIntent(record, intent)),
      judgeEach(sharedKeys(record), judgeKey),
    ),
};

function judgeIntent(record: RunRecord, one: IntentRecord): Breach | undefined {
  const { intent, rows, messages } = one;
  const most = mostActions(record, one);
  const evidence = [...one.sends.flatMap(entriesOf), ...messages, ...rows];
  if (rows.length > most) {
    return {
      says: `${intent.mark} became ${rows.length} actions, and ${most} at most can be right`,
      evidence,
    };
  }
  const ids = new Set(one.sends.map(acceptedId).filter((id) => id !== undefined));
  if (intent.idempotencyKey === null || ids.size <= 1) return undefined;
  return {
    says: `${intent.mark} was accepted under its key with ${ids.size} different ids`,
    evidence,
  };
}

/** How many actions can rightly come of an intent. */
function mostActions(record: RunRecord, one: IntentRecord): number {
  const sends = one.sends.filter(mayBeAccepted);
  const messages = one.messages.length;
  if (one.intent.idempotencyKey !== null) return Math.min(1, sends.length + messages);
  if (messages === 0 && areResends(record, one, sends)) {
    return Math.min(1 + timesOvertaken(record, one), sends.length);
  }
  return sends.length + messages;
}

/** 201, nothing heard, or an error of ours: only what is called the client's fault was certainly not accepted. */
function mayBeAccepted({ answer }: Exchange): boolean {
  return answer === undefined || answer.status === 201 || answer.status >= 500;
}

/** All but the first say that they are resends, and that soon, by clocks that nobody has set. */
function areResends(record: RunRecord, one: IntentRecord, sends: Exchange[]): boolean {
  const all = one.sends.map(({ invoke }) => invoke);
  const [first, ...others] = all;
  if (!first || others.some(({ retryAttempt }) => retryAttempt === null)) return false;
  const last = Math.max(...sends.map(({ answer, invoke }) => answer?.atMs ?? invoke.atMs));
  const isTimed = faultsDuring(record, first.atMs, last).some(({ nemesis }) => nemesis === 'clock');
  return last - first.atMs < RESEND_MS && !isTimed;
}

/**
 * A resend is one with its original only as long as that is the newest on its target: how often something else came between two
 * actions of the intent, in the order of acceptance.
 */
function timesOvertaken({ actions }: RunRecord, { rows }: IntentRecord): number {
  const [first, ...others] = rows.toSorted((a, b) => a.position - b.position);
  if (!first || others.length === 0) return 0;
  const onTarget = [...actions.values()].flatMap(({ row }) =>
    row && row.targetKey !== null && row.targetKey === first.targetKey ? [row.position] : [],
  );
  let before = first.position;
  let times = 0;
  for (const { position } of others) {
    if (onTarget.some((other) => other > before && other < position)) times += 1;
    before = position;
  }
  return times;
}

/** Of several bodies under one key, one is run; the others are refused, or Failed with code 8. */
function judgeKey(group: IntentRecord[]): Breach | undefined {
  const run = group
    .flatMap(({ rows }) => rows)
    .filter(({ action }) => action.errorInfo?.code !== FAILURE_CODES.invalidRequest);
  if (run.length <= 1) return undefined;
  const evidence = [
    ...group.flatMap(({ sends, messages }) => [...sends.flatMap(entriesOf), ...messages]),
    ...run,
  ];
  return { says: `${run.length} different creates under one Idempotency-Key were run`, evidence };
}
