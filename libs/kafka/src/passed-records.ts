import type { Batch } from 'kafkajs';

/** What kafkajs gives and does not declare. */
interface WithFetchedOffset {
  fetchedOffset?: string | number;
}

/** Where the fetch of a batch began: the position, also where the first message is further on. */
export function positionOf({ fetchedOffset = 0 }: Batch & WithFetchedOffset): bigint {
  return BigInt(fetchedOffset);
}

/** Records in a row: from where the fetch of the first of them began, up to `next`. */
export interface Passed {
  from: bigint;
  next: bigint;
}

interface Open extends Passed {
  /** False once more was passed over, something behind them was committed, or the partition may be somebody else's. */
  isCurrent: boolean;
}

/** Puts on record that a consumer is past records, unless `isCurrent` says no when it comes to that. */
export type CommitPassed = (
  partition: number,
  passed: Passed,
  isCurrent: () => boolean,
) => Promise<void>;

/**
 * What kafkajs passes over by itself because it is for no reader: the records of aborted transactions, and the mark at the
 * end of each transaction. It reads on behind them, and commits nothing; a topic that ends with them would never be done
 * with. So it is committed here, in the background, and again until Kafka takes it.
 */
export class PassedRecords {
  readonly #commit: CommitPassed;
  /** What is not on record yet, by partition. */
  readonly #open = new Map<number, Open>();
  readonly #running = new Map<number, Promise<void>>();

  constructor(commit: CommitPassed) {
    this.#commit = commit;
  }

  /** The consumer has passed over records; those of one partition in their order. */
  passed(partition: number, { from, next }: Passed): void {
    const before = this.#open.get(partition);
    if (before) before.isCurrent = false;
    this.#open.set(partition, { from: before?.from ?? from, next, isCurrent: true });
    this.#begin(partition);
  }

  /** Where a fetch began, or the records that were passed over right before it and are not on record yet. */
  beginningOf(partition: number, from: bigint): bigint {
    const open = this.#open.get(partition);
    return open?.next === from ? open.from : from;
  }

  /** What comes behind them is about to be committed. Resolves when none of them can be committed after that. */
  async overtaken(partition: number): Promise<void> {
    this.#close(partition);
    await this.#running.get(partition);
  }

  /** To be called every now and then: tries again what Kafka has not taken. */
  retry(): void {
    for (const partition of this.#open.keys()) this.#begin(partition);
  }

  /** The partitions may be somebody else's, or be read again. */
  forget(): void {
    for (const partition of this.#open.keys()) this.#close(partition);
  }

  #close(partition: number): void {
    const open = this.#open.get(partition);
    if (open) open.isCurrent = false;
    this.#open.delete(partition);
  }

  #begin(partition: number): void {
    if (this.#running.has(partition)) return;
    const running = this.#work(partition)
      // Stays open.
      .catch(() => undefined)
      .finally(() => this.#running.delete(partition));
    this.#running.set(partition, running);
  }

  async #work(partition: number): Promise<void> {
    for (let open = this.#open.get(partition); open; open = this.#open.get(partition)) {
      const current = open;
      await this.#commit(partition, current, () => current.isCurrent);
      if (current.isCurrent) this.#open.delete(partition);
    }
  }
}
