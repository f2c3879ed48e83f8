import { setTimeout as delay } from 'node:timers/promises';
import type { Message } from 'kafkajs';

/*
 * What a message has come to. kafkajs tells of a request as a whole; `kafkajs/produce-answers.ts` notes here what each
 * partition says.
 */

/** Where a message landed. `offset` in decimal, as Kafka counts. */
export interface PublishReceipt {
  partition: number;
  offset: string;
}

/** What is known of one message, whatever becomes of the requests that it was in. */
export interface MessageFate {
  /** How many requests may put it into the topic, or have: were made or are about to be, and not refused by its partition. */
  requests: number;
  /** What its partition has said to the last request, in Kafka's codes, of which 0 is no error; undefined if there is none. */
  answer: number | 'awaited' | undefined;
  /** Where it is, once its partition has said that all in-sync replicas have it. */
  receipt: PublishReceipt | undefined;
  /** Called with the receipt when it comes: other partitions of the request may be answered much later, or not at all. */
  readonly onReceipt: ((receipt: PublishReceipt) => void) | undefined;
}

/** Of a message that was never sent. */
export function newFate(onReceipt?: MessageFate['onReceipt']): MessageFate {
  return { requests: 0, answer: undefined, receipt: undefined, onReceipt };
}

/** What kafkajs is given. Without a `fate` nothing is noted. */
export interface FatedMessage extends Message {
  fate?: MessageFate;
}

/** The others answer some milliseconds after the first, which has written nothing and had no replicas to wait for. */
const ANSWER_INTERVAL_MS = 5;

/** Returns when each message has the answer of its partition, if it was sent; or, with false, after `timeoutMs`. */
export async function untilAnswered(
  messages: readonly FatedMessage[],
  timeoutMs: number,
): Promise<boolean> {
  const untilMs = performance.now() + timeoutMs;
  while (messages.some(({ fate }) => fate?.answer === 'awaited')) {
    if (performance.now() > untilMs) return false;
    await delay(ANSWER_INTERVAL_MS);
  }
  return true;
}

const TOO_LARGE: ReadonlySet<MessageFate['answer']> = new Set([
  10, // MESSAGE_TOO_LARGE
  18, // RECORD_LIST_TOO_LARGE
]);

/** No time cures these: somebody has to change a right, a topic or this program. */
const FOR_GOOD: ReadonlySet<MessageFate['answer']> = new Set([
  17, // INVALID_TOPIC_EXCEPTION
  21, // INVALID_REQUIRED_ACKS
  29, // TOPIC_AUTHORIZATION_FAILED
  31, // CLUSTER_AUTHORIZATION_FAILED
  32, // INVALID_TIMESTAMP
  43, // UNSUPPORTED_FOR_MESSAGE_FORMAT
  44, // POLICY_VIOLATION
  76, // UNSUPPORTED_COMPRESSION_TYPE
  87, // INVALID_RECORD
]);

/**
 * Kafka's codes of what a partition says before it appends anything. No other: one that lost its leadership says so of
 * what it has appended and not yet replicated, and that may outlive it. Of a topic that is deleted nothing does.
 */
export const NOT_APPENDED: ReadonlySet<MessageFate['answer']> = new Set([
  ...TOO_LARGE,
  ...FOR_GOOD,
  2, // CORRUPT_MESSAGE
  3, // UNKNOWN_TOPIC_OR_PARTITION
  19, // NOT_ENOUGH_REPLICAS
]);

/** Whether its partition found what it was sent with too large. */
export function wasTooLarge({ answer }: MessageFate): boolean {
  return TOO_LARGE.has(answer);
}

/** Whether its partition takes nothing of the kind, now or later. */
export function wasRefusedForGood({ answer }: MessageFate): boolean {
  return FOR_GOOD.has(answer);
}
