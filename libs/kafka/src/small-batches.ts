/** So many messages make a batch that the price of a batch, to fetch, store and commit it, is hardly felt any more. */
const SMALL_BATCH_MESSAGES_MAX = 49;
/** What follows waits for it: half of it on average, and less than anybody notices who asks for an effect. */
const REST_MS_MAX = 20;
/** A timer costs more than a shorter one could spare. */
const REST_MS_MIN = 1;
/** Partitions are handled side by side: a rest of one keeps others from being fetched, which may have a backlog. */
const BACKLOG_REMEMBERED_MS = 1000;

/** A batch that is done, and the batches that are handled beside it. */
export interface BatchDone {
  messages: number;
  /** How many were behind it in its partition when it was fetched. */
  behind: number;
  tookMs: number;
  /** How many batches are handled at this moment, this one included. */
  running: number;
  /** How many can be. */
  runningMax: number;
}

/**
 * For how long a consumer fetches nothing more. A batch of two messages costs nearly as much as one of ten, in every process
 * that takes part. So it rests after a small one for as long as that took, and what comes meanwhile is the next: a machine that is
 * short of time makes fewer and larger batches. A message that comes alone never waits, nor does a backlog, in whatever
 * partition, nor a batch that may be waiting for the place of this one.
 */
export class SmallBatches {
  #backlogAtMs = Number.NEGATIVE_INFINITY;

  /** @returns milliseconds */
  restAfter({ messages, behind, tookMs, running, runningMax }: BatchDone, nowMs: number): number {
    if (behind > 0 || messages > SMALL_BATCH_MESSAGES_MAX) this.#backlogAtMs = nowMs;
    if (nowMs - this.#backlogAtMs < BACKLOG_REMEMBERED_MS) return 0;
    if (running > runningMax / 2 || tookMs < REST_MS_MIN) return 0;
    return Math.min(tookMs, REST_MS_MAX);
  }
}
