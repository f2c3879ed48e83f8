import { setTimeout as passed } from 'node:timers/promises';

const LOOK_MS = 20;

/** Tells the time of a plan; it stands still while something takes far longer to come back than it should. */
export class PlanClock {
  readonly #graceMs: number;
  readonly #now: () => number;
  /** Since when each is awaited. */
  readonly #awaited = new Set<{ sinceMs: number }>();
  #atMs = 0;
  #lookedAtMs: number;

  /** @param graceMs what takes no longer than this does not hold the time up */
  constructor(graceMs: number, now = () => performance.now()) {
    this.#graceMs = graceMs;
    this.#now = now;
    this.#lookedAtMs = now();
  }

  nowMs(): number {
    const nowMs = this.#now();
    const isHeldUp = [...this.#awaited].some(({ sinceMs }) => nowMs - sinceMs > this.#graceMs);
    if (!isHeldUp) this.#atMs += nowMs - this.#lookedAtMs;
    this.#lookedAtMs = nowMs;
    return this.#atMs;
  }

  /** @throws the reason of the signal */
  async until(atMs: number, signal?: AbortSignal): Promise<void> {
    while (this.nowMs() < atMs) {
      signal?.throwIfAborted();
      await passed(LOOK_MS);
    }
  }

  /** Waits for what is to come back. */
  async await(comesBack: Promise<void>): Promise<void> {
    const one = { sinceMs: this.#now() };
    this.#awaited.add(one);
    try {
      await comesBack;
    } finally {
      this.nowMs();
      this.#awaited.delete(one);
    }
  }
}
