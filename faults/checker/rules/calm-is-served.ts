import { faultsDuring, mayBeDeleted, stoodStillDuring } from '../action-facts.ts';
import { type Exchange, type RunRecord, acceptedId, entriesOf, overAtMs } from '../run-record.ts';
import { EXCUSED, type Finding, type Rule, judgeEach } from '../rule.ts';

/**
 * P8: while no fault can be felt, every request is answered in time, and none is refused for want of anything. What comes
 * before the first fault is not judged: whoever has just been started is slow.
 */
export const calmIsServed: Rule = {
  promise: 'P8',
  guarantee: 'what nothing hinders is answered in time, and not refused',
  judge: (record) => {
    const warmFromMs = Math.min(...record.faults.map(({ feltFromMs }) => feltFromMs));
    return judgeEach(
      record.exchanges.filter(({ invoke }) => invoke.atMs > warmFromMs),
      (exchange) => judgeExchange(record, exchange),
    );
  },
};

function judgeExchange(record: RunRecord, exchange: Exchange): Finding {
  const { acceptTimeoutMs, readTimeoutMs, marginMs } = record.run.bounds;
  const { invoke, answer } = exchange;
  const limitMs = (invoke.intent ? acceptTimeoutMs : readTimeoutMs) + marginMs;
  const untilMs = Math.min(overAtMs(exchange), invoke.atMs + limitMs);
  if (isDisturbed(record, invoke.atMs, untilMs)) return EXCUSED;
  const says = (how: string) => ({
    says: `a ${invoke.operation} was ${how}, though no fault could be felt`,
    evidence: entriesOf(exchange),
  });
  if (overAtMs(exchange) > invoke.atMs + limitMs) return says(`not answered in ${limitMs} ms`);
  if (!answer) return says('lost');
  if (isRight(exchange, answer.status)) return undefined;
  if (answer.error?.code === 'notYetVisible' && !isVisible(record, exchange)) return EXCUSED;
  return says(`answered ${answer.status}`);
}

/** Creates are valid: only their key can be in their way, or a limit on requests. */
function isRight({ invoke: { intent } }: Exchange, status: number): boolean {
  if (!intent) return status < 500;
  return status === 201 || status === 429 || (status === 409 && intent.idempotencyKey !== null);
}

/** A product that is away hinders no request. */
function isDisturbed(record: RunRecord, fromMs: number, toMs: number): boolean {
  return (
    stoodStillDuring(record, fromMs, toMs) ||
    faultsDuring(record, fromMs, toMs).some(({ subject }) => !subject.startsWith('provider:'))
  );
}

/** Whether what it is about had to be found: an event had shown it, or it had been accepted long before. */
function isVisible({ actions, run }: RunRecord, exchange: Exchange): boolean {
  const { invoke } = exchange;
  const action = actions.get(invoke.actionId ?? '');
  if (action?.row?.action.azureTenantId !== invoke.tenant) return false;
  if (mayBeDeleted(action, exchange)) return false;
  const { readTimeoutMs, marginMs } = run.bounds;
  const longAgoMs = invoke.atMs - readTimeoutMs - marginMs;
  return (
    action.events.some(({ atMs }) => atMs < invoke.atMs) ||
    action.exchanges.some((one) => acceptedId(one) !== undefined && one.answer!.atMs < longAgoMs)
  );
}
