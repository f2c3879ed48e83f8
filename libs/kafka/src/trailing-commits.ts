import type { Batch } from 'kafkajs';
import { ShortLivedMap } from '#domain/short-lived';

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

/** Puts on record that a consumer is past records, unless `isCurrent` says no when it comes to that. */
export type CommitPassed = (
  partition: number,
  passed: Passed,
  isCurrent: () => boolean,
) => Promise<void>;

/**
 * What a consumer is past and Kafka does not know yet. It is committed in the background, so that the consumer reads on
 * meanwhile, and again until Kafka takes it; what breaks off before that comes again. Besides what was handled it is what
 * kafkajs passes over by itself because it is for no reader: the records of aborted transactions, and the mark at the end of
 * each transaction. A topic that ends with them would never be done with otherwise.
 */
export class TrailingCommits {
  readonly #commit: CommitPassed;
  readonly #onFailure: (error: unknown) => void;
  /** What is not on record yet, by partition. */
  readonly #open = new ShortLivedMap<number, Passed>();
  readonly #running = new ShortLivedMap<number, Promise<void>>();

  /** @param onFailure told why a commit did not come through; it is tried again all the same */
  constructor(commit: CommitPassed, onFailure: (error: unknown) => void) {
    this.#commit = commit;
    this.#onFailure = onFailure;
  }

  /** The consumer is past these records; those of one partition are told in their order. */
  passed(partition: number, { from, next }: Passed): void {
    const open = this.#open.get(partition);
    if (open) open.next = next;
    else this.#open.set(partition, { from, next });
    this.#begin(partition);
  }

  /** Resolves when all that the consumer was past is on record, or could not be put there. */
  async allSettled(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  /** To be called every now and then: tries again what Kafka has not taken. */
  retry(): void {
    for (const partition of this.#open.keys()) this.#begin(partition);
  }

  /** The partitions may be somebody else's, or be read again: nothing more is committed of what they were past. */
  forget(): void {
    this.#open.clear();
  }

  #begin(partition: number): void {
    if (!this.#running.has(partition)) this.#running.set(partition, this.#work(partition));
  }

  /** Never fails. */
  async #work(partition: number): Promise<void> {
    for (let open = this.#open.get(partition); open; open = this.#open.get(partition)) {
      const isThrough = await this.#try(partition, open);
      // It stays open, unless that was in an earlier membership, of which nothing is left.
      if (!isThrough && this.#open.get(partition) === open) break;
    }
    this.#running.delete(partition);
  }

  async #try(partition: number, open: Passed): Promise<boolean> {
    const { from, next } = open;
    const isCurrent = () => this.#open.get(partition) === open;
    try {
      await this.#commit(partition, { from, next }, isCurrent);
    } catch (error) {
      this.#onFailure(error);
      return false;
    }
    // More may have come meanwhile, and begins where this ends.
    open.from = next;
    if (open.next === next && isCurrent()) this.#open.delete(partition);
    return true;
  }
}
