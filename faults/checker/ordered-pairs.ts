import type { Entry } from '../history.ts';
import { faultsDuring } from './action-facts.ts';
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
  target: string | null;
  /** Undefined: whether it was accepted before anything else is not known. */
  accepted: Entry | undefined;
  sent: Entry;
  sentAtMs: number;
  /** It came by one message: where that stands in `requests`, and when it was acknowledged. */
  message: { partition: number; offset: number; acknowledgedAtMs: number } | undefined;
}

/** An API process hears of a message when its producer does, or shortly after. */
const HEARD_WITHIN_MS = 1000;

/**
 * All such pairs. A create over HTTP is accepted with its 201. An acknowledged message of the topic `requests` comes before
 * what lies behind it in its partition, and before any create once an event has shown it.
 */
export function* orderedPairs(record: RunRecord): Generator<OrderedPair> {
  const placed = record.intents.flatMap((intent) => placedOf(record, intent));
  const targets = Map.groupBy(placed, ({ target }) => target);
  for (const [target, onTarget] of targets) {
    if (target === null) continue;
    for (const second of onTarget) {
      for (const first of onTarget) {
        if (first === second || !isBefore(record, first, second)) continue;
        const accepted = first.message ? first.sent : first.accepted!;
        yield { first: first.action, second: second.action, accepted, sent: second.sent };
      }
    }
  }
}

function isBefore(record: RunRecord, first: Placed, second: Placed): boolean {
  if (first.accepted && first.accepted.atMs < second.sentAtMs) return true;
  if (!first.message) return false;
  if (!second.message) return isAwaited(record, first, second.sentAtMs);
  const { partition, offset } = first.message;
  return second.message.partition === partition && offset < second.message.offset;
}

/**
 * A create over HTTP waits for an acknowledged message, but no longer than `requestsWaitMs`: that it did can be told when
 * the message was stored by then, and no fault could keep the API from hearing of it.
 */
function isAwaited(record: RunRecord, { action, message }: Placed, sentAtMs: number): boolean {
  const { acknowledgedAtMs } = message!;
  if (acknowledgedAtMs + HEARD_WITHIN_MS >= sentAtMs) return false;
  const untilMs = sentAtMs + record.run.bounds.requestsWaitMs;
  const wasStored = action.events.some(({ atMs }) => atMs <= untilMs);
  return wasStored && faultsDuring(record, acknowledgedAtMs, untilMs).length === 0;
}

/** What it is about, by what was asked for, and not by what the product made of it; null: nothing. */
export function targetOf(of: IntentRecord | undefined): string | null {
  if (!of || of.intent.target === null) return null;
  return JSON.stringify([of.tenant, of.intent.provider, of.intent.target]);
}

/** Only an intent that became exactly one action: of several it is not known which send made which. */
function placedOf({ actions }: RunRecord, of: IntentRecord): Placed[] {
  const { rows, sends, messages } = of;
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
  const place = isOneMessage ? message?.place : undefined;
  return [
    {
      action,
      target: targetOf(of),
      accepted: [...answers, ...shown].toSorted((a, b) => a.atMs - b.atMs)[0],
      sent: sent!,
      sentAtMs: begin(sent!),
      message: place ? { ...place, acknowledgedAtMs: message!.atMs } : undefined,
    },
  ];
}

function begin(entry: Entry): number {
  return entry.kind === 'produced' ? entry.beganAtMs : entry.atMs;
}
