import type { EntryOf } from '../../history.ts';
import { acceptedId, entriesOf, type IntentRecord, type RunRecord } from '../run-record.ts';
import { EXCUSED, type Finding, type Rule, judgeEach, together } from '../rule.ts';

/** P1: what was answered 201, or acknowledged by Kafka and no poison, is stored, as itself or as the one it repeats. */
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
    ),
};

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
  if (letter && sharesItsKey(record, intent)) return EXCUSED;
  const where = `message ${topic}/${place!.partition} offset ${place!.offset}`;
  return {
    says: letter
      ? `${where} is a valid create and ended as a dead letter (${letter.code})`
      : `${where} was acknowledged and never stored`,
    evidence: [message, ...(letter ? [letter] : [])],
  };
}

/** Another body under the same key came first, perhaps: then it is refused. */
function sharesItsKey({ intents }: RunRecord, { intent, tenant }: IntentRecord): boolean {
  if (intent.idempotencyKey === null) return false;
  return intents.some(
    (other) =>
      other.intent.mark !== intent.mark &&
      other.tenant === tenant &&
      other.intent.idempotencyKey === intent.idempotencyKey,
  );
}
