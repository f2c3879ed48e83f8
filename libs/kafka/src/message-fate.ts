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
  /** What its partition said last, in Kafka's codes; 0 is no error. */
  errorCode: number | undefined;
  /** Where it is, once its partition has said that all in-sync replicas have it. */
  receipt: PublishReceipt | undefined;
  /** Called with the receipt when it comes: other partitions of the request may be answered much later, or not at all. */
  readonly onReceipt: ((receipt: PublishReceipt) => void) | undefined;
}

/** Of a message that was never sent. */
export function newFate(onReceipt?: MessageFate['onReceipt']): MessageFate {
  return { requests: 0, errorCode: undefined, receipt: undefined, onReceipt };
}

/** What kafkajs is given. Without a `fate` nothing is noted. */
export interface FatedMessage extends Message {
  fate?: MessageFate;
}
