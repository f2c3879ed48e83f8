import type { Message } from 'kafkajs';
import { ShortLivedMap } from '#domain/short-lived';
import type { MessageFate, PublishReceipt } from './message-fate.ts';
import { QueueFull, type PublishError } from './publish-errors.ts';
import type { Topic } from './topics.ts';

/** A message on its way, with the promise of the one who waits for it. */
export interface QueuedMessage {
  topic: Topic;
  message: Message;
  bytes: number;
  /** On the clock of performance.now(). */
  deadlineMs: number;
  settled: boolean;
  readonly fate: MessageFate;
  resolve(receipt: PublishReceipt): void;
  reject(error: PublishError): void;
}

interface Limits {
  messagesMax: number;
  bytesMax: number;
}

/**
 * Messages that wait for their turn, bounded in number and bytes. A batch holds one topic only, so that a topic
 * in trouble cannot take the others with it; topics take turns.
 */
export class PublishQueue {
  #messages = 0;
  #bytes = 0;
  readonly #byTopic = new ShortLivedMap<Topic, QueuedMessage[]>();
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get messages(): number {
    return this.#messages;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @throws QueueFull at either limit. One message that is larger than the limit itself passes when alone. */
  add(entry: QueuedMessage): void {
    const { messagesMax, bytesMax } = this.#limits;
    const overBytes = this.#messages > 0 && this.#bytes + entry.bytes > bytesMax;
    if (this.#messages >= messagesMax || overBytes) {
      throw new QueueFull(
        `${this.#messages} messages (${this.#bytes} bytes) wait for Kafka: no room for another.`,
      );
    }
    const waiting = this.#byTopic.get(entry.topic);
    if (waiting) waiting.push(entry);
    else this.#byTopic.set(entry.topic, [entry]);
    this.#messages++;
    this.#bytes += entry.bytes;
  }

  /**
   * The oldest messages of the topic whose turn it is, within the limits; a larger one goes alone.
   * @param mayGo whether it may be a topic's turn, of which so many messages wait
   */
  takeBatch(
    { messagesMax, bytesMax }: Limits,
    mayGo: (topic: Topic, waiting: number) => boolean,
  ): QueuedMessage[] {
    for (const [topic, waiting] of this.#byTopic) {
      if (mayGo(topic, waiting.length))
        return this.#take(topic, waiting, { messagesMax, bytesMax });
    }
    return [];
  }

  /** Takes out everything whose deadline has passed by `nowMs`; Infinity empties the queue. */
  takeExpired(nowMs: number): QueuedMessage[] {
    const expired: QueuedMessage[] = [];
    for (const [topic, waiting] of this.#byTopic) {
      const kept = waiting.filter((entry) => entry.deadlineMs > nowMs);
      if (kept.length === waiting.length) continue;
      expired.push(...waiting.filter((entry) => entry.deadlineMs <= nowMs));
      if (kept.length > 0) this.#byTopic.set(topic, kept);
      else this.#byTopic.delete(topic);
    }
    for (const { bytes } of expired) {
      this.#messages--;
      this.#bytes -= bytes;
    }
    return expired;
  }

  #take(
    topic: Topic,
    waiting: QueuedMessage[],
    { messagesMax, bytesMax }: Limits,
  ): QueuedMessage[] {
    let count = 0;
    let bytes = 0;
    for (const entry of waiting) {
      if (count >= messagesMax || (count > 0 && bytes + entry.bytes > bytesMax)) break;
      count++;
      bytes += entry.bytes;
    }
    const batch = waiting.splice(0, count);
    this.#byTopic.delete(topic);
    if (waiting.length > 0) this.#byTopic.set(topic, waiting);
    this.#messages -= count;
    this.#bytes -= bytes;
    return batch;
  }
}
