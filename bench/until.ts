import { setTimeout as delay } from 'node:timers/promises';

/** To look costs the database what the product could use. */
const LOOK_INTERVAL_MS = 1000;

/** Waits until it holds. @throws when that takes longer than `secondsMax` */
export async function until(
  what: string,
  secondsMax: number,
  holds: () => boolean | Promise<boolean>,
  intervalMs = LOOK_INTERVAL_MS,
): Promise<void> {
  const deadline = performance.now() + secondsMax * 1000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${secondsMax} s: ${what}`);
    await delay(intervalMs);
  }
}
