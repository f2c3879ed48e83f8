import type { OffsetReader } from './offset-reader.ts';
import { SharedRead } from './shared-read.ts';

/**
 * So far apart are the looks before commits, and so the commits: at some hundred messages a second, of many partitions,
 * each would come in a fetch of its own, and cost Kafka more to be committed than to be kept. Who waits for a commit,
 * because it asked for what is not there yet, asks again after 10 ms at the earliest.
 */
const COMMIT_SPACING_MS = 50;

/**
 * Notices that a topic was deleted and made anew while it was being read. kafkajs goes on at its old position, in a topic
 * that is another one by then, and what was produced before it got there would never be read. Kafka drops the group's
 * offsets of a deleted topic: that is what gives it away.
 */
export class RenewalWatch {
  readonly #offsets: OffsetReader;
  readonly #known: SharedRead<Map<number, bigint>>;
  /** What this consumer has committed, by partition. */
  readonly #committed = new Map<number, bigint>();

  constructor(offsets: OffsetReader) {
    this.#offsets = offsets;
    this.#known = new SharedRead(() => offsets.committed(), COMMIT_SPACING_MS);
  }

  /** Messages before `next` are done, and Kafka knows. */
  committed(partition: number, next: bigint): void {
    this.#committed.set(partition, next);
  }

  /** Whether Kafka has lost what was committed. Rejects when it cannot be read. */
  async isRenewed(): Promise<boolean> {
    if (this.#committed.size === 0) return false;
    const known = await this.#known.fresh();
    return [...this.#committed.keys()].some((partition) => !known.has(partition));
  }

  /**
   * Whether what was fetched from an offset on begins in the middle although nothing before it is done. To be asked before
   * its offsets are committed: then it could not be told any more. Rejects when Kafka cannot be read.
   */
  async isOutOfPlace(partition: number, from: bigint): Promise<boolean> {
    const known = await this.#known.fresh();
    if (known.has(partition)) return false;
    const ends = await this.#offsets.ends();
    return from > (ends.get(partition)?.low ?? 0n);
  }

  /** A new consumer begins where the group is. */
  forget(): void {
    this.#committed.clear();
  }

  /** Disconnects, bounded. */
  close(): Promise<void> {
    return this.#offsets.close();
  }
}
