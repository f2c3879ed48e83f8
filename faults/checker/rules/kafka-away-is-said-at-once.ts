import { mayBeDeleted } from '../action-facts.ts';
import { type Outage, outagesOf } from '../outage-windows.ts';
import { type Exchange, type RunRecord, entriesOf, overAtMs } from '../run-record.ts';
import { within } from '../within.ts';
import { EXCUSED, type Finding, type Rule, judgeEach, together } from '../rule.ts';

/** P9: while Kafka alone is away, creates are refused at once, and what is stored is read and cancelled as ever. */
export const kafkaAwayIsSaidAtOnce: Rule = {
  promise: 'P9',
  guarantee: 'without Kafka creates are refused at once, and what is stored goes on',
  judge: (record) => {
    const asked = within(
      record.exchanges,
      outagesOf(record, (subject) => subject === 'kafka'),
    );
    return together(
      judgeEach(
        asked.filter(({ exchange }) => exchange.invoke.intent !== null),
        ({ exchange, outage }) => judgeCreate(record, exchange, outage),
      ),
      judgeEach(
        asked.filter(({ exchange }) => isOfStored(record, exchange)),
        ({ exchange, outage }) => judgeOther(record, exchange, outage),
      ),
    );
  },
};

function judgeCreate({ run }: RunRecord, exchange: Exchange, outage: Outage): Finding {
  const limitMs = run.bounds.acceptTimeoutMs + run.bounds.marginMs;
  const { invoke, answer } = exchange;
  const evidence = [...outage.fault.entries, ...entriesOf(exchange)];
  if (overAtMs(exchange) > invoke.atMs + limitMs && invoke.atMs + limitMs < outage.toMs) {
    return { says: `a create had no answer in ${limitMs} ms while Kafka was away`, evidence };
  }
  // A replay is answered from Postgres; what is wrong in itself is refused as ever.
  const isRight =
    answer &&
    (answer.status === 503 || answer.isReplay || (answer.status < 500 && answer.status >= 400));
  if (overAtMs(exchange) > outage.toMs) return EXCUSED;
  if (isRight) return undefined;
  const how = answer ? `answered ${answer.status}` : 'not answered';
  return { says: `a create was ${how} while Kafka was away`, evidence };
}

/**
 * A list, or something about an action that an event or an answer had shown before. One that is deleted is hidden as if it
 * were not stored: without Kafka nobody can say that it is not on its way.
 */
function isOfStored({ actions }: RunRecord, exchange: Exchange): boolean {
  const { invoke } = exchange;
  if (invoke.operation === 'list') return true;
  const action = actions.get(invoke.actionId ?? '');
  return (
    action?.row?.action.azureTenantId === invoke.tenant &&
    action.events.some(({ atMs }) => atMs < invoke.atMs) &&
    !mayBeDeleted(action, exchange)
  );
}

function judgeOther({ run }: RunRecord, exchange: Exchange, outage: Outage): Finding {
  const limitMs = run.bounds.readTimeoutMs + run.bounds.marginMs;
  const { invoke, answer } = exchange;
  const evidence = [...outage.fault.entries, ...entriesOf(exchange)];
  if (overAtMs(exchange) > invoke.atMs + limitMs && invoke.atMs + limitMs < outage.toMs) {
    return {
      says: `a ${invoke.operation} of what is stored had no answer in ${limitMs} ms while Kafka was away`,
      evidence,
    };
  }
  if (overAtMs(exchange) > outage.toMs) return EXCUSED;
  if (answer && answer.status < 500) return undefined;
  const how = answer ? `answered ${answer.status}` : 'not answered';
  return {
    says: `a ${invoke.operation} of what is stored was ${how} while only Kafka was away`,
    evidence,
  };
}
