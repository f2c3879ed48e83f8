import type { EntryOf } from '../../history.ts';
import type { RunRecord } from '../run-record.ts';
import { type Breach, type Rule, judgeEach } from '../rule.ts';

/** P7: each bad message is in the dead letters, with its cause and its bytes. */
export const poisonBecomesADeadLetter: Rule = {
  promise: 'P7',
  guarantee: 'poison ends as a dead letter, with its cause and its bytes',
  judge: (record) =>
    judgeEach(
      record.produced.filter(({ poison, place }) => poison !== null && place !== null),
      (message) => judgeMessage(record, message),
    ),
};

function judgeMessage(record: RunRecord, message: EntryOf<'produced'>): Breach | undefined {
  const { topic, place, poison, valueHash } = message;
  const where = `${topic}/${place!.partition} offset ${place!.offset}`;
  const letters = record.lettersOf(message);
  if (letters.length === 0) {
    return { says: `${where} is poison and no dead letter`, evidence: [message] };
  }
  const wrong = letters.find((letter) => letter.code !== poison || letter.valueHash !== valueHash);
  if (!wrong) return undefined;
  const how =
    wrong.code === poison ? 'other bytes' : `the cause ${wrong.code} in place of ${poison}`;
  return { says: `the dead letter of ${where} has ${how}`, evidence: [message, wrong] };
}
