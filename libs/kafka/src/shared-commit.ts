import type { OffsetsByTopicPartition, PartitionOffset } from 'kafkajs';

/** Sends a commit of a topic's partitions, in the consumer's present membership. */
export type Send = (offsets: OffsetsByTopicPartition) => Promise<void>;

interface Gathered {
  partitions: PartitionOffset[];
  committed: Promise<void>;
}

/**
 * Commits in one request what comes in one turn of the event loop: all partitions that have waited for one look. A request for
 * each would cost Kafka more than all of their messages.
 */
export class SharedCommit {
  readonly #topic: string;
  #gathered: Gathered | undefined;

  constructor(topic: string) {
    this.#topic = topic;
  }

  /**
   * @param send of several that of the first: all are of one membership, as each has waited for the same look
   * @throws what Kafka says of the request, to all whose partitions were in it
   */
  async commit(partitions: PartitionOffset[], send: Send): Promise<void> {
    if (partitions.length === 0) return;
    this.#gathered ??= this.#gather(send);
    this.#gathered.partitions.push(...partitions);
    await this.#gathered.committed;
  }

  #gather(send: Send): Gathered {
    const partitions: PartitionOffset[] = [];
    const committed = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.#gathered = undefined;
      return send({ topics: [{ topic: this.#topic, partitions }] });
    });
    return { partitions, committed };
  }
}
