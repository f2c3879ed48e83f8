import { type Outage, outagesOf } from '../outage-windows.ts';
import { type Exchange, entriesOf, overAtMs } from '../run-record.ts';
import { EXCUSED, type Finding, type Rule, judgeEach, together } from '../rule.ts';
import { within } from '../within.ts';

/** P9: while Postgres alone is away, creates are accepted, and everything else says in time that it cannot be had. */
export const createsOutlivePostgres: Rule = {
  promise: 'P9',
  guarantee: 'without Postgres creates are accepted, and reads refused in time',
  judge: (record) => {
    const { acceptTimeoutMs, readTimeoutMs, marginMs } = record.run.bounds;
    const asked = within(
      record.exchanges,
      outagesOf(record, (subject) => subject === 'postgres'),
    );
    const isCreate = ({ exchange }: Asked) => exchange.invoke.intent !== null;
    return together(
      judgeEach(asked.filter(isCreate), (one) =>
        judge(one, { isRight: isAccepted, timeoutMs: acceptTimeoutMs + marginMs }),
      ),
      judgeEach(
        asked.filter((one) => !isCreate(one)),
        (one) => judge(one, { isRight: isRefused, timeoutMs: readTimeoutMs + marginMs }),
      ),
    );
  },
};

interface Asked {
  exchange: Exchange;
  outage: Outage;
}

/** 409: the process knows the key with another body. */
function isAccepted(status: number): boolean {
  return status === 201 || status === 409;
}

/** What is wrong in itself needs no Postgres; but nobody can say without it that something is not there. */
function isRefused(status: number): boolean {
  return status === 503 || (status >= 400 && status < 500 && status !== 404);
}

function judge(
  { exchange, outage }: Asked,
  { isRight, timeoutMs }: { isRight: (status: number) => boolean; timeoutMs: number },
): Finding {
  const { invoke, answer } = exchange;
  const evidence = [...outage.fault.entries, ...entriesOf(exchange)];
  if (overAtMs(exchange) - invoke.atMs > timeoutMs && invoke.atMs + timeoutMs < outage.toMs) {
    return {
      says: `a ${invoke.operation} had no answer in ${timeoutMs} ms while Postgres was away`,
      evidence,
    };
  }
  if (overAtMs(exchange) > outage.toMs) return EXCUSED;
  if (answer && isRight(answer.status)) return undefined;
  const how = answer ? `answered ${answer.status}` : 'not answered';
  return { says: `a ${invoke.operation} was ${how} while only Postgres was away`, evidence };
}
