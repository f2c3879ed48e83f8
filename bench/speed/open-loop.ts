import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';

/*
 * An open loop: requests begin when they are due, whether or not those before them have been answered, and each is timed
 * from the moment it was due. So neither a slow answer nor a generator that was held up hides what those would have
 * waited that came meanwhile ("coordinated omission").
 */

/** Time in milliseconds, from any point on. */
export interface Clock {
  now(): number;
  /** Returns at this time at the earliest; at once if it has passed. */
  until(time: number): Promise<void>;
}

const systemClock: Clock = {
  now: () => performance.now(),
  until: (time) => {
    const ms = time - performance.now();
    // A timer takes a millisecond at least: what is late already would become later, from 1000 a second on without end.
    return ms > 0 ? delay(ms) : nextTurn();
  },
};

/** One request: when it was due, when it was begun, and when it was answered, with what. */
export interface Timed<T> {
  dueAtMs: number;
  begunAtMs: number;
  answeredAtMs: number;
  answer: T;
}

/**
 * Begins `count` requests, evenly spread.
 * @returns them in the order in which they were due, once all are answered
 * @throws what a request throws
 */
export async function openLoop<T>(
  { count, perSecond }: { count: number; perSecond: number },
  request: (number: number) => Promise<T>,
  clock = systemClock,
): Promise<Timed<T>[]> {
  const began = clock.now();
  const all: Promise<Timed<T>>[] = [];
  for (let number = 0; number < count; number += 1) {
    const dueAtMs = began + (number * 1000) / perSecond;
    await clock.until(dueAtMs);
    const begunAtMs = clock.now();
    all.push(
      request(number).then((answer) => ({ dueAtMs, begunAtMs, answeredAtMs: clock.now(), answer })),
    );
  }
  return Promise.all(all);
}
