import type { Admin, Kafka } from 'kafkajs';
import { endsWithin } from './bounded.ts';

/** The two ends of a partition: the first offset that is kept, and the one the next message will get. */
export interface PartitionEnds {
  low: bigint;
  high: bigint;
}

const DISCONNECT_TIMEOUT_MS = 2000;

/**
 * Reads offsets over one admin connection, which is replaced after any failure: kafkajs keeps connections that
 * are dead, or whose handshake went unanswered, and takes them for good ones.
 */
export class OffsetReader {
  readonly #kafka: Kafka;
  readonly #topic: string;
  readonly #groupId: string;
  #admin: Admin | undefined;
  #ready: Promise<void> | undefined;
  #disposing: Promise<unknown> = Promise.resolve();

  constructor(kafka: Kafka, topic: string, groupId: string) {
    this.#kafka = kafka;
    this.#topic = topic;
    this.#groupId = groupId;
  }

  /** Both ends of every partition. Rejects when Kafka cannot be read. */
  ends(): Promise<Map<number, PartitionEnds>> {
    return this.#read(async (admin) => {
      const partitions = await admin.fetchTopicOffsets(this.#topic);
      return new Map(
        partitions.map(({ partition, low, high }) => [
          partition,
          { low: BigInt(low), high: BigInt(high) },
        ]),
      );
    });
  }

  /** What the group has committed; a partition without a commit is missing. Rejects like `ends`. */
  committed(): Promise<Map<number, bigint>> {
    return this.#read(async (admin) => {
      const topics = await admin.fetchOffsets({ groupId: this.#groupId, topics: [this.#topic] });
      const offsets = topics.flatMap(({ partitions }) => partitions);
      // Negative: none yet (-1), or kafkajs's mark for "from the beginning" (-2) after old messages expired.
      return new Map(
        offsets
          .map(({ partition, offset }) => [partition, BigInt(offset)] as const)
          .filter(([, offset]) => offset >= 0n),
      );
    });
  }

  /** Disconnects, bounded. */
  async close(): Promise<void> {
    if (this.#admin) this.#dispose(this.#admin);
    await this.#disposing;
  }

  async #read<T>(read: (admin: Admin) => Promise<T>): Promise<T> {
    try {
      return await this.#try(read);
    } catch {
      // The connection may have died since the last read, as after a restart of Kafka: once more on a new one.
      return await this.#try(read);
    }
  }

  async #try<T>(read: (admin: Admin) => Promise<T>): Promise<T> {
    const present = (this.#admin ??= this.#kafka.admin({ retry: { retries: 1 } }));
    try {
      this.#ready ??= this.#prove(present);
      await this.#ready;
      return await read(present);
    } catch (error) {
      if (this.#admin === present) this.#dispose(present);
      throw error;
    }
  }

  async #prove(admin: Admin): Promise<void> {
    await admin.connect();
    // Until it has seen the brokers once, kafkajs fails its first look for the coordinator and waits.
    await admin.fetchTopicMetadata({ topics: [this.#topic] });
  }

  #dispose(admin: Admin): void {
    this.#admin = undefined;
    this.#ready = undefined;
    const disconnected = endsWithin(admin.disconnect(), DISCONNECT_TIMEOUT_MS);
    this.#disposing = Promise.all([this.#disposing, disconnected]);
  }
}
