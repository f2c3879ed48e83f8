import { setTimeout as delay } from 'node:timers/promises';
import type { OnApplicationShutdown } from '@nestjs/common';
import type { Kafka } from 'kafkajs';
import type { Settings } from '#config/settings';
import { ShortLivedSet } from '#domain/short-lived';
import { classifyFailure } from './kafka-errors.ts';
import { OffsetReader, type PartitionEnds } from './offset-reader.ts';
import { SharedRead } from './shared-read.ts';
import { type LogicalTopic, consumerGroupId, topicName } from './topics.ts';

/**
 * - `reached`: all that was in the topic when asked is done with.
 * - `notReached`: not yet, by the deadline.
 * - `unreadable`: Kafka could not tell.
 */
export type ProgressWait = 'reached' | 'notReached' | 'unreadable';

type Ends = ReadonlyMap<number, PartitionEnds>;

/** What was in a topic at one moment. It may be waited for again and again: what is appended later does not count. */
export interface ProgressGoal {
  /** The partitions that were not done with when last looked, and where they ended at that moment. */
  left: Ends;
}

const POLL_DELAY_MS_MIN = 10;
const POLL_DELAY_MS_MAX = 50;
const POLL_DELAY_GROWTH = 1.3;

interface Waiter {
  goal: ProgressGoal;
  deadlineMs: number;
  /** Whether Kafka could be read at least once while it waited. */
  read: boolean;
  resolve(outcome: ProgressWait): void;
}

/**
 * How far the workers are behind a topic. Lets a request wait for what was in it before: the end offsets once, then
 * the group's committed offsets until they are there. All waiters share the reads.
 */
export class TopicProgress implements OnApplicationShutdown {
  readonly #reader: OffsetReader;
  readonly #ends: SharedRead<Ends>;
  readonly #committed: SharedRead<Map<number, bigint>>;
  readonly #waiters = new ShortLivedSet<Waiter>();
  #pollDelayMs = POLL_DELAY_MS_MIN;
  #polling = false;
  #untouched = false;

  constructor({ KAFKA_TOPIC_PREFIX: prefix }: Settings, kafka: Kafka, topic: LogicalTopic) {
    this.#reader = new OffsetReader(
      kafka,
      topicName(prefix, topic),
      consumerGroupId(prefix, topic),
    );
    this.#ends = new SharedRead(() => this.#reader.ends());
    this.#committed = new SharedRead(() => this.#reader.committed());
  }

  /** Whether nothing had ever been appended when it was last waited for. */
  get untouched(): boolean {
    return this.#untouched;
  }

  /** How many wait at this moment. */
  get waiting(): number {
    return this.#waiters.size;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#reader.close();
  }

  /** Where each partition ends, read after this call. Rejects when Kafka cannot be read. */
  async endOffsets(): Promise<Map<number, bigint>> {
    const ends = await this.#ends.fresh();
    return new Map([...ends].map(([partition, { high }]) => [partition, high]));
  }

  /** What the workers are done with, by partition; none for one they have not begun. Rejects like the above. */
  async committedOffsets(): Promise<Map<number, bigint>> {
    return await this.#committed.fresh();
  }

  /** Messages that the workers are not done with, by partition. Rejects when Kafka cannot be read. */
  async messagesBehind(): Promise<Map<number, number>> {
    // In this order: the ends are never behind what was committed before them.
    const committed = await this.#committed.fresh();
    const ends = await this.#ends.fresh();
    return new Map(
      [...ends].map(([partition, { low, high }]) => {
        const done = committed.get(partition) ?? low;
        return [partition, Number(high - (done > low ? done : low))];
      }),
    );
  }

  /**
   * Waits until the workers are done with every message that was in the topic when this was called.
   * @param deadlineMs a moment on the clock of `performance.now()`, in milliseconds
   */
  async waitUntilPassed(deadlineMs: number): Promise<ProgressWait> {
    const goal = await this.goal(deadlineMs);
    return goal ? await this.waitUntil(goal, deadlineMs) : 'unreadable';
  }

  /**
   * What is in the topic now, to be waited for with `waitUntil`.
   * @param deadlineMs as above
   * @returns undefined when Kafka cannot be read by then
   */
  async goal(deadlineMs: number): Promise<ProgressGoal | undefined> {
    const ends = await this.#endsBefore(deadlineMs);
    if (!ends) return undefined;
    this.#untouched = [...ends.values()].every(({ high }) => high === 0n);
    return { left: ends };
  }

  /**
   * Waits until the workers are done with what was in the topic at the moment of the goal, each partition once.
   * @param deadlineMs as above
   */
  async waitUntil(goal: ProgressGoal, deadlineMs: number): Promise<ProgressWait> {
    return await new Promise((resolve) => {
      this.#waiters.add({ goal, deadlineMs, read: false, resolve });
      this.#pollDelayMs = POLL_DELAY_MS_MIN;
      if (!this.#polling) this.#poll().catch(() => this.#answer(undefined, Infinity));
    });
  }

  /** Undefined when Kafka cannot be read by then. A leader that is just moving is waited for. */
  async #endsBefore(deadlineMs: number): Promise<Ends | undefined> {
    for (;;) {
      const outcome = await before(
        deadlineMs,
        this.#ends.fresh().catch((error: unknown) => classifyFailure(error)),
      );
      if (outcome !== 'transient') return outcome instanceof Map ? outcome : undefined;
      await delay(POLL_DELAY_MS_MAX);
    }
  }

  /** Runs only while somebody waits. */
  async #poll(): Promise<void> {
    this.#polling = true;
    try {
      while (this.#waiters.size > 0) {
        const committed = await this.#readBeforeFirstDeadline();
        this.#answer(committed, performance.now());
        if (this.#waiters.size === 0) return;
        await delay(this.#pollDelayMs);
        this.#pollDelayMs = Math.min(this.#pollDelayMs * POLL_DELAY_GROWTH, POLL_DELAY_MS_MAX);
      }
    } finally {
      this.#polling = false;
    }
  }

  /** Undefined when Kafka cannot be read, or not before somebody must be answered. */
  async #readBeforeFirstDeadline(): Promise<Map<number, bigint> | undefined> {
    const first = Math.min(...[...this.#waiters].map(({ deadlineMs }) => deadlineMs));
    const atLeast = performance.now() + POLL_DELAY_MS_MIN;
    return await before(
      Math.max(first, atLeast),
      this.#committed.fresh().catch(() => undefined),
    );
  }

  #answer(committed: Map<number, bigint> | undefined, nowMs: number): void {
    for (const waiter of this.#waiters) {
      waiter.read ||= committed !== undefined;
      if (committed) waiter.goal.left = notPassed(waiter.goal.left, committed);
      const reached = committed !== undefined && waiter.goal.left.size === 0;
      if (!reached && waiter.deadlineMs > nowMs) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(reached ? 'reached' : waiter.read ? 'notReached' : 'unreadable');
    }
  }
}

/** What `work` gives if it ends before the deadline, else undefined. */
async function before<T>(deadlineMs: number, work: Promise<T>): Promise<T | undefined> {
  const timer = new AbortController();
  const late = delay(Math.max(0, deadlineMs - performance.now()), undefined, {
    signal: timer.signal,
  }).catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}

/** A partition that holds nothing needs no commit: there is nothing to wait for. */
function notPassed(ends: Ends, committed: ReadonlyMap<number, bigint>): Ends {
  return new Map(
    [...ends].filter(
      ([partition, { low, high }]) => low !== high && (committed.get(partition) ?? -1n) < high,
    ),
  );
}
