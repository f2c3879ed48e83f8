import type { Message, Producer, ProducerBatch, RecordMetadata } from 'kafkajs';
import { rootCause } from './kafka-errors.ts';

/**
 * There is no connection to send on. Without `cause`, and so told apart from what a broker answers to a request: a broker that
 * refuses a sign-in has refused no message.
 */
class NotConnected extends Error {
  constructor(reason: unknown) {
    super(`Not connected to Kafka: ${rootCause(reason).message}`);
    this.name = NotConnected.name;
  }
}

/** A batch for one topic. */
export interface TopicBatch extends Omit<ProducerBatch, 'topicMessages'> {
  topic: string;
  /** Called when there is a connection, and not if there is none: until then nothing can have been sent. */
  take: () => Message[];
}

/** A producer that connects when it is first used, and again when that has failed. */
export class LazyProducer {
  readonly #producer: Producer;
  #connected: Promise<void> | undefined;

  constructor(producer: Producer) {
    this.#producer = producer;
  }

  /** @throws NotConnected, or what kafkajs throws of the request */
  async send({ topic, take, ...batch }: TopicBatch): Promise<RecordMetadata[]> {
    this.#connected ??= this.#producer.connect();
    try {
      await this.#connected;
    } catch (error) {
      this.#connected = undefined;
      throw new NotConnected(error);
    }
    return this.#producer.sendBatch({ ...batch, topicMessages: [{ topic, messages: take() }] });
  }

  disconnect(): Promise<void> {
    return this.#producer.disconnect();
  }
}
