import type { Admin, Kafka } from 'kafkajs';
import { answeredWithin } from './bounded.ts';
import { LeasedClient } from './leased-client.ts';

/** The two ends of a partition: the first offset that is kept, and the one the next message will get. */
export interface PartitionEnds {
  low: bigint;
  high: bigint;
}

/** Far above the few milliseconds of a read and above the time-outs of kafkajs: it ends what hangs for good. */
const READ_TIMEOUT_MS = 10_000;

/** kafkajs stumbled over a broker that went away in the middle of an answer: another try may do better. */
class OffsetsUnread extends Error {
  readonly retriable = true;
}

/**
 * Reads offsets over one admin connection, which is replaced after any failure: kafkajs keeps connections that
 * are dead, or whose handshake went unanswered, and takes them for good ones.
 */
export class OffsetReader {
  readonly #kafka: Kafka;
  readonly #topic: string;
  readonly #groupId: string;
  #admin: LeasedClient<Admin> | undefined;
  #ready: Promise<void> | undefined;
  #retiring: Promise<unknown> = Promise.resolve();

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
      // Of all topics, as the group has but this one: for one that is named kafkajs asks for its partitions first, each time.
      const topics = await admin.fetchOffsets({ groupId: this.#groupId });
      const offsets = topics.flatMap(({ topic, partitions }) =>
        topic === this.#topic ? partitions : [],
      );
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
    if (this.#admin) this.#retire(this.#admin);
    await this.#retiring;
  }

  async #read<T>(read: (admin: Admin) => Promise<T>): Promise<T> {
    try {
      return await this.#try(read);
    } catch {
      // The connection may have died since the last read, as after a restart of Kafka: once more on a new one.
      return await this.#try(read).catch((error: unknown) => {
        throw error instanceof TypeError ? new OffsetsUnread(error.message) : error;
      });
    }
  }

  async #try<T>(read: (admin: Admin) => Promise<T>): Promise<T> {
    const present = (this.#admin ??= new LeasedClient(
      this.#kafka.admin({ retry: { retries: 1 } }),
    ));
    try {
      this.#ready ??= present.use((admin) => this.#prove(admin));
      const outcome = this.#ready.then(() => present.use(read));
      return await answeredWithin(outcome, READ_TIMEOUT_MS);
    } catch (error) {
      if (this.#admin === present) this.#retire(present);
      throw error;
    }
  }

  async #prove(admin: Admin): Promise<void> {
    await admin.connect();
    // Until it has seen the brokers once, kafkajs fails its first look for the coordinator and waits.
    await admin.fetchTopicMetadata({ topics: [this.#topic] });
  }

  #retire(admin: LeasedClient<Admin>): void {
    this.#admin = undefined;
    this.#ready = undefined;
    this.#retiring = Promise.all([this.#retiring, admin.retire()]).then(() => undefined);
  }
}
