import type { Entry } from '../history.ts';
import { type ActionRecord, type IntentRecord, type RunRecord, acceptedId } from './run-record.ts';

/** Two actions on one target, of which the second was sent after the first had been accepted. */
export interface OrderedPair {
  first: ActionRecord;
  second: ActionRecord;
  /** What shows that the first was accepted, and the first time that the second was sent. */
  accepted: Entry;
  sent: Entry;
}

/** One action on a target, and when it can have been accepted. */
interface Placed {
  action: ActionRecord;
  /** Undefined: whether it was accepted before anything else is not known. */
  accepted: Entry | undefined;
  sent: Entry;
  sentAtMs: number;
  /** All of it came by one partition of `requests`: where it stands there. */
  place: { partition: number; offset: number } | undefined;
}

/**
 * All such pairs. A create over HTTP is accepted with its 201. An acknowledged message of the topic `requests` lies in
 * its partition: it is before what lies behind it there, and before anything else once an event has shown it.
 */
export function* orderedPairs(record: RunRecord): Generator<OrderedPair> {
  const placed = record.intents.flatMap((intent) => placedOf(record, intent));
  const targets = Map.groupBy(placed, ({ action }) => action.row!.targetKey);
  for (const [target, onTarget] of targets) {
    if (target === null) continue;
    for (const second of onTarget) {
      for (const first of onTarget) {
        if (first === second || !isBefore(first, second)) continue;
        const accepted = first.accepted ?? first.sent;
        yield { first: first.action, second: second.action, accepted, sent: second.sent };
      }
    }
  }
}

function isBefore(first: Placed, second: Placed): boolean {
  if (first.accepted && first.accepted.atMs < second.sentAtMs) return true;
  return (
    first.place !== undefined &&
    second.place?.partition === first.place.partition &&
    first.place.offset < second.place.offset
  );
}

/** Only an intent that became exactly one action: of several it is not known which send made which. */
function placedOf({ actions }: RunRecord, { rows, sends, messages }: IntentRecord): Placed[] {
  const [row, ...others] = rows;
  const action = row && actions.get(row.action.id);
  if (!action || others.length > 0) return [];
  const answers = sends.flatMap((send) => (acceptedId(send) === undefined ? [] : [send.answer!]));
  const shown = messages.length > 0 ? action.events : [];
  const [sent] = [...sends.map(({ invoke }) => invoke), ...messages].toSorted(
    (a, b) => begin(a) - begin(b),
  );
  const [message, ...further] = messages;
  const isOneMessage = sends.length === 0 && further.length === 0;
  return [
    {
      action,
      accepted: [...answers, ...shown].toSorted((a, b) => a.atMs - b.atMs)[0],
      sent: sent!,
      sentAtMs: begin(sent!),
      place: (isOneMessage && message?.place) || undefined,
    },
  ];
}

function begin(entry: Entry): number {
  return entry.kind === 'produced' ? entry.beganAtMs : entry.atMs;
}
