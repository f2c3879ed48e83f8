import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits for `work`, but no longer than `timeoutMs`: true if it ended in time, well or badly. kafkajs's
 * disconnects need this: on a hung broker they wait for answers without end.
 */
export async function endsWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController();
  const ended = work.then(
    () => true,
    () => true,
  );
  const late = delay(timeoutMs, false, { signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([ended, late]);
  } finally {
    timer.abort();
  }
}

/** Nothing was heard for so long, and what was asked for may still happen. */
export class NotAnswered extends Error {
  constructor(timeoutMs: number) {
    super(`No answer from Kafka within ${timeoutMs} ms`);
    this.name = NotAnswered.name;
  }
}

/**
 * What `work` gives, if it gives it in time. kafkajs bounds its requests, but not every wait around them.
 * @throws NotAnswered after `timeoutMs`; `work` itself goes on unheard.
 */
export async function answeredWithin<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  // No signal that ends the wait: each would make an error with a stack, and this is around every request to Kafka.
  const timer = setTimeout(() => reject(new NotAnswered(timeoutMs)), timeoutMs);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
