import type { LoggerService } from '@nestjs/common';
import type {
  ConsumerEndBatchProcessEvent,
  EachBatchPayload,
  OffsetsByTopicPartition,
} from 'kafkajs';
import { answeredWithin } from './bounded.ts';
import { isTopicUnknown, rootCause } from './kafka-errors.ts';
import type { OffsetReader } from './offset-reader.ts';
import { RenewalWatch } from './renewal-watch.ts';
import { type Send, SharedCommit } from './shared-commit.ts';
import { type CommitPassed, type Passed, positionOf, TrailingCommits } from './trailing-commits.ts';

/** What the commits of a consumer need to know of it. */
export interface ConsumerCommitsOptions {
  topic: string;
  /** Where the group is on its topic; left out when it commits nothing. */
  offsets: OffsetReader | undefined;
  /** Commits by the consumer itself: where it has had no batch yet that could. Rejects when there is no consumer. */
  send: Send;
  /** The topic is not the one any more that the consumer was reading. */
  onRenewed: () => void;
  logger: LoggerService;
}

/**
 * So far apart are the looks before commits, and so the commits: at some hundred messages a second, of many partitions,
 * each would come in a fetch of its own, and cost Kafka more to be committed than to be kept. Who waits for a commit,
 * because it asked for what is not there yet, asks again after 10 ms at the earliest.
 */
const COMMIT_SPACING_MS = 50;
/** Longer than kafkajs needs for one try, so that none comes through after a later one: it ends what hangs for good. */
const COMMIT_TIMEOUT_MS = 120_000;
/** While Kafka takes no commits every try fails alike: one line in so many ms is enough. */
const REPEATED_WARNING_MS = 60_000;

/** How far a consumer is, and Kafka's record of it. Nothing is committed of a topic that was made anew meanwhile. */
export class ConsumerCommits {
  readonly #options: ConsumerCommitsOptions;
  readonly #renewal: RenewalWatch | undefined;
  readonly #shared: SharedCommit;
  readonly #trailing = new TrailingCommits(
    (...passed) => this.#commit(...passed),
    (error) => this.#warn(error),
  );
  /** What the present membership reads; nothing is committed of what has gone to somebody else. */
  #partitions: ReadonlySet<number> = new Set();
  #warnedAtMs = Number.NEGATIVE_INFINITY;
  /**
   * How the last batch commits, which is the better way, also in a later membership: the consumer's own does nothing while it
   * stops, and says that it has; and it tries for minutes, by when a later commit may have come first, or another membership
   * have begun.
   */
  #sendOfBatch: Send | undefined;

  constructor(options: ConsumerCommitsOptions) {
    this.#options = options;
    this.#shared = new SharedCommit(options.topic);
    this.#renewal = options.offsets && new RenewalWatch(options.offsets, COMMIT_SPACING_MS);
  }

  /** Another membership begins, with these partitions. */
  joined(partitions: readonly number[]): void {
    this.forgetMembership();
    this.#partitions = new Set(partitions);
  }

  /** A batch has come, which commits in whatever membership is the present one. */
  began(payload: EachBatchPayload): void {
    // Made where it is assigned, V8 would keep it, and the batch with it (docs/performance.md).
    const send: Send = (offsets) => payload.commitOffsetsIfNecessary(offsets);
    this.#sendOfBatch = send;
  }

  /** Everything of a batch up to this offset is done. */
  done(payload: EachBatchPayload, offset: string): void {
    const { topic, partition } = payload.batch;
    // Where that was the last message for a reader, kafkajs resolves what it passes over behind it, too.
    payload.resolveOffset(offset);
    const resolved = payload.uncommittedOffsets().topics.find((of) => of.topic === topic);
    // Declared as a number, and text.
    const own = resolved?.partitions.find((of) => Number(of.partition) === partition);
    if (!own) return;
    this.#passed(partition, { from: positionOf(payload.batch), next: BigInt(own.offset) });
  }

  /** kafkajs has read on behind records that are for no reader. */
  passedOver(payload: ConsumerEndBatchProcessEvent['payload']): void {
    if (!this.#renewal) return;
    const { partition, firstOffset, lastOffset } = payload;
    // Undeclared: null if not even the first was where the fetch began.
    const from = BigInt(firstOffset ?? lastOffset);
    this.#passed(partition, { from, next: BigInt(lastOffset) + 1n });
  }

  /** kafkajs lets what an earlier membership has fetched run on while it joins anew, and would commit it in the new one. */
  #passed(partition: number, passed: Passed): void {
    if (this.#partitions.has(partition)) this.#trailing.passed(partition, passed);
  }

  /** Resolves when all that was done is on record, or could not be put there. */
  allSettled(): Promise<void> {
    return this.#trailing.allSettled();
  }

  /** To be called every now and then: tries again what Kafka has not taken. */
  retry(): void {
    this.#trailing.retry();
  }

  /** Whether Kafka has lost what was committed. Rejects when it cannot be read. */
  async isRenewed(): Promise<boolean> {
    return (await this.#renewal?.isRenewed()) ?? false;
  }

  /** The membership is over: the partitions may be somebody else's, or be read again. */
  forgetMembership(): void {
    this.#trailing.forget();
    this.#partitions = new Set();
  }

  /** kafkajs has stopped, or will start anew: what its batches commit would be of nobody. */
  forgetRun(): void {
    this.forgetMembership();
    this.#sendOfBatch = undefined;
  }

  /** A new consumer begins where the group is. */
  forgetConsumer(): void {
    this.forgetRun();
    this.#renewal?.forget();
  }

  /** Disconnects, bounded. */
  async close(): Promise<void> {
    await this.#renewal?.close();
  }

  /** What is read of a topic that is gone must not be committed of its successor. */
  readonly #commit: CommitPassed = async (partition, passed, isCurrent) => {
    try {
      await this.#commitInPlace(partition, passed, isCurrent);
    } catch (error) {
      if (!isTopicUnknown(error)) throw error;
      if (isCurrent()) this.#options.onRenewed();
    }
  };

  readonly #commitInPlace: CommitPassed = async (partition, passed, isCurrent) => {
    const outOfPlace = await this.#renewal?.isOutOfPlace(partition, passed);
    if (!isCurrent()) return;
    if (outOfPlace) {
      this.#options.onRenewed();
      return;
    }
    const membership = this.#partitions;
    await this.#shared.commit([{ partition, offset: String(passed.next) }], async (offsets) => {
      // Another may have begun in the turn that it waited to be shared.
      if (membership === this.#partitions) await this.#send(offsets);
    });
    if (isCurrent()) this.#renewal?.committed(partition);
  };

  async #send(offsets: OffsetsByTopicPartition): Promise<void> {
    if (!this.#sendOfBatch) return this.#options.send(offsets);
    await answeredWithin(this.#sendOfBatch(offsets), COMMIT_TIMEOUT_MS);
  }

  /** Nobody else would say it: the consumer reads on, and reads of what is not there yet are told to come later. */
  #warn(error: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.#warnedAtMs < REPEATED_WARNING_MS) return;
    this.#warnedAtMs = nowMs;
    const { logger, topic } = this.#options;
    const { message } = rootCause(error);
    logger.warn(`${topic}: offsets not committed, will be tried again: ${message}`);
  }
}
