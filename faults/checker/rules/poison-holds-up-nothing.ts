import { isTerminal } from '#domain/status';
import type { EntryOf } from '../../history.ts';
import type { RunRecord } from '../run-record.ts';
import { type Breach, type Rule, judgeEach } from '../rule.ts';

/** P7: what lies behind poison in its partition is handled, and no good report is given up. */
export const poisonHoldsUpNothing: Rule = {
  promise: 'P7',
  guarantee: 'what lies behind poison is handled',
  judge: (record) => {
    const acknowledged = record.produced.filter(({ place }) => place !== null);
    const firstPoison = new Map<string, EntryOf<'produced'>>();
    for (const message of acknowledged) {
      const first = firstPoison.get(partitionOf(message));
      const isEarlier = !first || message.place!.offset < first.place!.offset;
      if (message.poison !== null && isEarlier) firstPoison.set(partitionOf(message), message);
    }
    const behind = acknowledged.filter(
      (message) =>
        message.poison === null &&
        message.place!.offset > (firstPoison.get(partitionOf(message))?.place!.offset ?? Infinity),
    );
    return judgeEach(behind, (message) =>
      judgeMessage(record, message, firstPoison.get(partitionOf(message))!),
    );
  },
};

function partitionOf({ topic, place }: EntryOf<'produced'>): string {
  return `${topic}/${place!.partition}`;
}

function judgeMessage(
  record: RunRecord,
  message: EntryOf<'produced'>,
  poison: EntryOf<'produced'>,
): Breach | undefined {
  if (wasHandled(record, message)) return undefined;
  return {
    says: `${partitionOf(message)} offset ${message.place!.offset} lies behind poison and was not handled`,
    evidence: [poison, message],
  };
}

function wasHandled(
  record: RunRecord,
  { intent, report, place, topic }: EntryOf<'produced'>,
): boolean {
  const hasLetter = record.deadLetters.some(
    ({ origin }) =>
      origin.topic === topic &&
      origin.partition === place!.partition &&
      origin.offset === place!.offset,
  );
  // A create that was refused under its key is handled; of a good report nothing can be refused.
  if (intent)
    return (
      hasLetter ||
      record.intents.some((one) => one.intent.mark === intent.mark && one.rows.length > 0)
    );
  if (!report || hasLetter) return false;
  const status = record.rowOf(report.actionId)?.action.status ?? 'NotStarted';
  return report.status === 'Running' || report.status === 'NotStarted'
    ? status !== 'NotStarted'
    : isTerminal(status);
}
