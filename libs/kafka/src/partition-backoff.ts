import type { EachBatchPayload } from 'kafkajs';

const BACKOFF_MS_MIN = 200;
const BACKOFF_MS_MAX = 5000;

/** What is known of a partition whose handler has failed. */
interface Trouble {
  attempts: number;
  firstFailedAt: Date;
  resumeTimer: NodeJS.Timeout | undefined;
}

/**
 * Keeps partitions whose handler failed out of the fetches for a while: 200 ms, doubling up to 5 s. The others
 * go on, the heartbeats too, and kafkajs's own retrying (which stops every partition, and the consumer for good
 * on a TypeError) never sees the error.
 */
export class PartitionBackoff {
  readonly #troubles = new Map<string, Trouble>();

  /** The number of the attempt that comes next on this partition, and since when it has been failing. */
  next(topic: string, partition: number): { attempt: number; firstFailedAt: Date | undefined } {
    const trouble = this.#troubles.get(`${topic}/${partition}`);
    return { attempt: (trouble?.attempts ?? 0) + 1, firstFailedAt: trouble?.firstFailedAt };
  }

  /** Pauses the partition of this payload and resumes it later; returns in how many milliseconds. */
  failed(payload: EachBatchPayload): number {
    const key = `${payload.batch.topic}/${payload.batch.partition}`;
    const trouble = this.#troubles.get(key) ?? {
      attempts: 0,
      firstFailedAt: new Date(),
      resumeTimer: undefined,
    };
    this.#troubles.set(key, trouble);
    const backoffMs = Math.min(BACKOFF_MS_MIN * 2 ** trouble.attempts, BACKOFF_MS_MAX);
    trouble.attempts++;
    clearTimeout(trouble.resumeTimer);
    trouble.resumeTimer = setTimeout(payload.pause(), backoffMs);
    return backoffMs;
  }

  /** The partition has moved on: forgets its troubles. */
  succeeded(topic: string, partition: number): void {
    this.#troubles.delete(`${topic}/${partition}`);
  }

  /** Forgets everything and stops the timers; paused partitions stay paused. */
  clear(): void {
    for (const { resumeTimer } of this.#troubles.values()) clearTimeout(resumeTimer);
    this.#troubles.clear();
  }
}
