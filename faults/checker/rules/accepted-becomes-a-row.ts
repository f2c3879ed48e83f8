import type { EntryOf } from '../../history.ts';
import {
  type Answered,
  type IntentRecord,
  type RunRecord,
  acceptedId,
  entriesOf,
  isAnswered,
} from '../run-record.ts';
import { sharesItsKey } from '../shared-keys.ts';
import { EXCUSED, type Finding, type Rule, judgeEach, together } from '../rule.ts';

/**
 * P1: what was answered 201, or acknowledged by Kafka and no poison, is stored, as itself or as the one it repeats; and so is
 * what any answer showed.
 */
export const acceptedBecomesARow: Rule = {
  promise: 'P1',
  guarantee: 'what was accepted is stored',
  judge: (record) =>
    together(
      judgeEach(
        record.exchanges.filter((exchange) => acceptedId(exchange) !== undefined),
        (exchange) => {
          const id = acceptedId(exchange)!;
          const row = record.rowOf(id);
          const { mark } = exchange.invoke.intent!;
          if (row?.action.clientContext === mark) return undefined;
          if (row) {
            return {
              says: `${id} was accepted for ${mark}, and is stored as ${row.action.clientContext}`,
              evidence: [...entriesOf(exchange), row],
            };
          }
          const { calls = [], events = [] } = record.actions.get(id) ?? {};
          return {
            says: `${id} was accepted and is not stored`,
            evidence: [...entriesOf(exchange), ...calls, ...events],
          };
        },
      ),
      judgeEach(
        record.intents.flatMap((intent) =>
          acknowledged(intent).map((message) => ({ intent, message })),
        ),
        ({ intent, message }) => judgeMessage(record, intent, message),
      ),
      judgeEach(firstViews(record), ([id, exchange]) => {
        if (record.rowOf(id)) return undefined;
        return { says: `${id} was shown and is not stored`, evidence: entriesOf(exchange) };
      }),
    ),
};

/** By id, the first answer that shows it as it is stored; the 201 of a create that is no replay says what will be. */
function firstViews({ exchanges }: RunRecord): Map<string, Answered> {
  const first = new Map<string, Answered>();
  for (const exchange of exchanges.filter(isAnswered)) {
    if (exchange.invoke.operation === 'create' && !exchange.answer.isReplay) continue;
    for (const { id } of exchange.answer.shown) if (!first.has(id)) first.set(id, exchange);
  }
  return first;
}

function acknowledged({ messages }: IntentRecord): EntryOf<'produced'>[] {
  return messages.filter(({ place, poison }) => place !== null && poison === null);
}

function judgeMessage(
  record: RunRecord,
  intent: IntentRecord,
  message: EntryOf<'produced'>,
): Finding {
  if (intent.rows.length > 0) return undefined;
  const { topic, place } = message;
  const [letter] = record.lettersOf(message);
  // Another body under the same key came first, perhaps: then it is refused.
  if (letter && sharesItsKey(record, intent)) return EXCUSED;
  const where = `message ${topic}/${place!.partition} offset ${place!.offset}`;
  return {
    says: letter
      ? `${where} is a valid create and ended as a dead letter (${letter.code})`
      : `${where} was acknowledged and never stored`,
    evidence: [message, ...(letter ? [letter] : [])],
  };
}
