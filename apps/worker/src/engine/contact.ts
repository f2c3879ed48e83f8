/** What Postgres said of its time: its clock stood at `clockMs` at some moment between the other two, which are by ours. */
export interface ClockReading {
  askedAtMs: number;
  heardAtMs: number;
  clockMs: number;
}

/** Clocks run a little apart and are brought together again. A tenth of the shortest lease that a worker may be told to take. */
const STEP_MS_MAX = 200;
/** Of a lease: whoever lives has so much of one left at any time, if it was not standing still as well. */
const GAP_MAX = 2 / 3;

/**
 * For how long this worker has been in touch with Postgres, by its own monotonic clock. Broken by an outage, by a stop of this
 * process, and by a step of Postgres's clock: after each of them a lease says nothing of its holder until the living have had the
 * time to renew theirs.
 */
export class Contact {
  readonly #leaseMs: number;
  #sinceMs: number | undefined;
  #last: ClockReading | undefined;

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** Whether it has lasted for a lease. */
  get isOfALease(): boolean {
    return this.#sinceMs !== undefined && performance.now() - this.#sinceMs >= this.#leaseMs;
  }

  /** @returns by how much Postgres's clock was set ahead since the last reading, or back if negative; 0 if it was not */
  note(reading: ClockReading): number {
    // A gap means that this process stood still: it cannot tell what happened meanwhile.
    const gapMs = this.#last ? reading.heardAtMs - this.#last.heardAtMs : 0;
    if (gapMs >= GAP_MAX * this.#leaseMs) this.lose();
    const stepMs = this.#last ? stepBetween(this.#last, reading) : 0;
    const wasSet = Math.abs(stepMs) > STEP_MS_MAX;
    if (wasSet) this.#sinceMs = undefined;
    this.#sinceMs ??= reading.heardAtMs;
    this.#last = reading;
    return wasSet ? stepMs : 0;
  }

  /** What is heard of Postgres next is the beginning of a new one. */
  lose(): void {
    this.#sinceMs = undefined;
    this.#last = undefined;
  }
}

/** By how much at least the clock of Postgres went otherwise than ours: how long an answer took is no step. */
function stepBetween(last: ClockReading, next: ClockReading): number {
  const wentMs = next.clockMs - last.clockMs;
  const longestMs = next.heardAtMs - last.askedAtMs;
  const shortestMs = next.askedAtMs - last.heardAtMs;
  if (wentMs > longestMs) return wentMs - longestMs;
  return Math.min(0, wentMs - shortestMs);
}
