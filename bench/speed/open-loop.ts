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

/**
 * Waits until a time, and not until shortly before it: a timer counts in whole milliseconds of the event loop's own clock,
 * and so fires up to one too early by `performance.now()`.
 * @param waitForRest waits for a part of the last millisecond, or a little longer
 */
function clockThat(waitForRest: () => Promise<unknown>): Clock {
  return {
    now: () => performance.now(),
    until: async (time) => {
      const ms = time - performance.now();
      // A timer takes a millisecond at least: what is late already would become later, from 1000 a second on without end.
      await (ms > 0 ? delay(ms) : nextTurn());
      while (performance.now() < time) await waitForRest();
    },
  };
}

/**
 * For latencies around a millisecond. What a timer leaves is waited for turn by turn of the event loop: answers are taken
 * meanwhile, and it costs half a millisecond of CPU a request.
 */
export const exactClock = clockThat(() => nextTurn());

/** For hundreds of requests a second beside a busy machine: what a timer leaves costs nothing, and up to two milliseconds. */
export const thriftyClock = clockThat(() => delay(1));

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
  clock = exactClock,
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
