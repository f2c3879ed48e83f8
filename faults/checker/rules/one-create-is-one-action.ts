import { FAILURE_CODES } from '#domain/errors';
import {
  type Exchange,
  type IntentRecord,
  type RunRecord,
  acceptedId,
  entriesOf,
} from '../run-record.ts';
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
  if (messages === 0 && areResendsOfOne(record, one, sends)) return Math.min(1, sends.length);
  return sends.length + messages;
}

/** 201, nothing heard, or an error of ours: only what is called the client's fault was certainly not accepted. */
function mayBeAccepted({ answer }: Exchange): boolean {
  return answer === undefined || answer.status === 201 || answer.status >= 500;
}

/** All but the first say that they are resends, soon, and nothing else came to the target, if there is one. */
function areResendsOfOne({ intents }: RunRecord, one: IntentRecord, sends: Exchange[]): boolean {
  const all = one.sends.map(({ invoke }) => invoke);
  const [first, ...others] = all;
  if (!first || others.some(({ retryAttempt }) => retryAttempt === null)) return false;
  const last = Math.max(...sends.map(({ answer, invoke }) => answer?.atMs ?? invoke.atMs));
  const { target, provider } = one.intent;
  const isAlone = intents.every(
    (other) =>
      other === one ||
      other.tenant !== one.tenant ||
      other.intent.target !== target ||
      other.intent.provider !== provider,
  );
  return (target === null || isAlone) && last - first.atMs < RESEND_MS;
}

/** The intents that share a key, of one tenant and app. */
function sharedKeys({ intents }: RunRecord): IntentRecord[][] {
  const keyed = intents.filter(({ intent }) => intent.idempotencyKey !== null);
  const groups = Map.groupBy(keyed, ({ tenant, app, intent }) =>
    JSON.stringify([tenant, app, intent.idempotencyKey]),
  );
  return [...groups.values()].filter((group) => group.length > 1);
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
