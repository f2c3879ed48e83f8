import { isTerminal } from '#domain/status';
import type { EntryOf } from '../../history.ts';
import type { RunRecord } from '../run-record.ts';
import { EXCUSED, type Finding, type Rule, judgeEach } from '../rule.ts';

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
): Finding {
  // Whether a report came before the delete of its action is not known.
  if (message.report && record.rowOf(message.report.actionId)?.isDeleted) return EXCUSED;
  if (wasHandled(record, message)) return undefined;
  return {
    says: `${partitionOf(message)} offset ${message.place!.offset} lies behind poison and was not handled`,
    evidence: [poison, message],
  };
}

function wasHandled(record: RunRecord, message: EntryOf<'produced'>): boolean {
  const { intent, report } = message;
  const wasRefused = record.lettersOf(message).length > 0;
  // A create that was refused under its key is handled; of a good report nothing can be refused.
  if (intent) return wasRefused || isStored(record, intent.mark);
  const row = report && record.rowOf(report.actionId);
  if (!row || wasRefused) return false;
  const { status } = row.action;
  const isUnderWay = report.status === 'Running' || report.status === 'NotStarted';
  return isUnderWay ? status !== 'NotStarted' : isTerminal(status);
}

function isStored({ intents }: RunRecord, mark: string): boolean {
  return intents.some((one) => one.intent.mark === mark && one.rows.length > 0);
}
