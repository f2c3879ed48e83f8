import { isTerminal } from '#domain/status';
import type { EntryOf } from '../../history.ts';
import { firstOfEach, knownEndedAtMs } from '../action-facts.ts';
import { type Outage, outagesOf } from '../outage-windows.ts';
import {
  type ActionRecord,
  type Exchange,
  type RunRecord,
  acceptedId,
  entriesOf,
} from '../run-record.ts';
import { type Rule, judgeEach } from '../rule.ts';

/** P9: while one provider is away, the actions of others end as soon as ever. */
export const otherProvidersGoOn: Rule = {
  promise: 'P9',
  guarantee: 'a provider that is away keeps only its own actions waiting',
  judge: (record) =>
    judgeEach(unhindered(record), ({ exchange, outage, action }) => {
      const { endInTimeMs } = record.run.bounds;
      if (knownEndedAtMs(action) <= exchange.answer!.atMs + endInTimeMs) return undefined;
      return {
        says: `${action.id} had not ended ${endInTimeMs} ms after it was accepted, while only ${outage.subject} was away`,
        evidence: [
          ...outage.fault.entries,
          ...entriesOf(exchange),
          ...action.calls,
          ...firstOfEach(action.events),
        ],
      };
    }),
};

interface Case {
  exchange: Exchange;
  outage: Outage;
  action: ActionRecord;
}

/** Actions of other providers that nothing hinders, accepted so early in the outage that they had to end in it. */
function unhindered(record: RunRecord): Case[] {
  const outages = outagesOf(record, (subject) => subject.startsWith('provider:'));
  return outages.flatMap((outage) =>
    record.exchanges.flatMap((exchange) => {
      const { intent } = exchange.invoke;
      const action = record.actions.get(acceptedId(exchange) ?? '');
      if (!intent?.isPrompt || !action?.row || outage.subject === `provider:${intent.provider}`)
        return [];
      const acceptedAtMs = exchange.answer!.atMs;
      const isInside =
        exchange.invoke.atMs > outage.fromMs &&
        acceptedAtMs + record.run.bounds.endInTimeMs < outage.toMs;
      return isInside && !waitsForItsTarget(record, action.row, acceptedAtMs)
        ? [{ exchange, outage, action }]
        : [];
    }),
  );
}

/** Something earlier on its target had not ended by then, as far as is known. */
function waitsForItsTarget({ actions }: RunRecord, row: EntryOf<'row'>, atMs: number): boolean {
  if (row.targetKey === null) return false;
  return [...actions.values()].some(
    (other) =>
      other.row?.targetKey === row.targetKey &&
      other.row.position < row.position &&
      !(isTerminal(other.row.action.status) && knownEndedAtMs(other) <= atMs),
  );
}
