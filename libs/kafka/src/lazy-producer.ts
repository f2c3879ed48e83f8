import type { Producer, ProducerBatch, RecordMetadata } from 'kafkajs';

/** A producer that connects when it is first used, and again when that has failed. */
export class LazyProducer {
  readonly #producer: Producer;
  #connected: Promise<void> | undefined;

  constructor(producer: Producer) {
    this.#producer = producer;
  }

  async sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]> {
    this.#connected ??= this.#producer.connect();
    try {
      await this.#connected;
    } catch (error) {
      this.#connected = undefined;
      throw error;
    }
    return this.#producer.sendBatch(batch);
  }

  disconnect(): Promise<void> {
    return this.#producer.disconnect();
  }
}
