import type { OffsetReader, PartitionEnds } from './offset-reader.ts';
import { SharedRead } from './shared-read.ts';
import type { Passed } from './trailing-commits.ts';

/**
 * Notices that a topic was deleted and made anew while it was being read. kafkajs goes on at its old position, in a topic
 * that is another one by then, and what was produced before it got there would never be read. Kafka drops the group's
 * offsets of a deleted topic: that is what gives it away.
 */
export class RenewalWatch {
  readonly #offsets: OffsetReader;
  readonly #known: SharedRead<Map<number, bigint>>;
  readonly #ends: SharedRead<Map<number, PartitionEnds>>;
  /** The partitions of which this consumer has committed something. */
  readonly #committed = new Set<number>();

  /** @param spacingMs between two looks at what is committed */
  constructor(offsets: OffsetReader, spacingMs: number) {
    this.#offsets = offsets;
    this.#known = new SharedRead(() => offsets.committed(), spacingMs);
    this.#ends = new SharedRead(() => offsets.ends(), spacingMs);
  }

  /** Something of this partition is done, and Kafka knows. */
  committed(partition: number): void {
    this.#committed.add(partition);
  }

  /** Whether Kafka has lost what was committed. Rejects when it cannot be read. */
  async isRenewed(): Promise<boolean> {
    if (this.#committed.size === 0) return false;
    const known = await this.#known.fresh();
    return [...this.#committed].some((partition) => !known.has(partition));
  }

  /**
   * Whether Kafka has lost what was committed of a partition, or what was read has no place in it: it begins in the middle
   * although nothing before it is done, or ends behind its end. To be asked before its offsets are committed: then it could not be told any more.
   * Rejects when Kafka cannot be read.
   */
  async isOutOfPlace(partition: number, { from, next }: Passed): Promise<boolean> {
    const known = await this.#known.fresh();
    if (known.has(partition)) return false;
    if (this.#committed.has(partition)) return true;
    const ends = await this.#ends.fresh();
    const { low, high } = ends.get(partition) ?? { low: 0n, high: next };
    return from > low || next > high;
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
