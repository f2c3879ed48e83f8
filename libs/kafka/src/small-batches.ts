/** So many messages make a batch that the price of a batch, to fetch, store and commit it, is hardly felt any more. */
const SMALL_BATCH_MESSAGES_MAX = 49;
/** What follows waits for it: half of it on average, and less than anybody notices who asks for an effect. */
const REST_MS_MAX = 20;
/** A timer costs more than a shorter one could spare. */
const REST_MS_MIN = 1;

/** A batch that is done, and the batches that are handled beside it. */
export interface BatchDone {
  messages: number;
  tookMs: number;
  /** How many are handled at this moment, this one included. */
  running: number;
  /** How many can be. */
  runningMax: number;
}

/**
 * For how long nothing more is to be fetched, in milliseconds. A batch of two messages costs nearly as much as one of ten, in
 * every process that takes part. So a consumer rests after a small one for as long as it took, and what comes meanwhile is the
 * next: a machine that is short of time makes fewer and larger batches. A message that comes alone never waits.
 * None when others may be waiting for the place of this one.
 */
export function restAfterMs({ messages, tookMs, running, runningMax }: BatchDone): number {
  const isSomebodyWaiting = running > Math.max(1, runningMax / 2);
  if (messages > SMALL_BATCH_MESSAGES_MAX || isSomebodyWaiting) return 0;
  return tookMs < REST_MS_MIN ? 0 : Math.min(tookMs, REST_MS_MAX);
}
