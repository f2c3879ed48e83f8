import type { ProjectionProgress } from '#kafka/projection-progress';
import type { ProgressGoal } from '#kafka/topic-progress';

/**
 * Tries after which an action counts as unknown although not all is stored that was accepted before: with the pauses between
 * them about four minutes by the default READ_WAIT_MS. By then a partition of `commands` is stuck, and the reports of all
 * tenants behind this one must not be. Tries and not time: those that find Postgres or Kafka away do not count.
 */
const TRIES_MAX = 40;

/** What was accepted before the first try of some reports. */
interface Awaited {
  goal: ProgressGoal;
  /** How often it was waited for in vain. */
  tries: number;
  standing: StorageStanding;
}

/** How the wait for the action of a report stands: over, not yet so, or Kafka could not tell. */
export type StorageStanding = 'over' | 'notStored' | 'unreadable';

/**
 * The wait of reports for actions that may be on their way. What a report waits for is what was accepted before its first
 * try: a goal that moved with each one would never be reached by an ingest that is steadily behind.
 */
export class StorageWait {
  readonly #progress: ProjectionProgress;
  readonly #waitMs: number;
  /** By partition and offset; of a partition only what was asked for last, which is at most a batch. */
  readonly #awaited = new Map<number, ReadonlyMap<string, Awaited>>();

  /** @param waitMs how long one try waits */
  constructor(progress: ProjectionProgress, waitMs: number) {
    this.#progress = progress;
    this.#waitMs = waitMs;
  }

  /**
   * Waits, for one try, until what was accepted before the first try of each of these reports is stored. Forgets all others
   * of the partition.
   * @param offsets those of the partition that are about an action that is not stored
   * @returns how each stands, in their order; over is also what was waited for often enough
   */
  async try(partition: number, offsets: string[]): Promise<StorageStanding[]> {
    const deadlineMs = performance.now() + this.#waitMs;
    const awaited = await this.#awaitedBy(partition, offsets, deadlineMs);
    await Promise.all([...new Set(awaited.values())].map((one) => this.#wait(one, deadlineMs)));
    return offsets.map((offset) => awaited.get(offset)?.standing ?? 'unreadable');
  }

  async #awaitedBy(partition: number, offsets: string[], deadlineMs: number) {
    const known = this.#awaited.get(partition);
    const isNew = (offset: string) => !known?.has(offset);
    const goal = offsets.some(isNew) ? await this.#progress.goal(deadlineMs) : undefined;
    const begun: Awaited | undefined = goal && { goal, tries: 0, standing: 'unreadable' };
    const awaited = new Map<string, Awaited>();
    for (const offset of offsets) {
      const one = known?.get(offset) ?? begun;
      if (one) awaited.set(offset, one);
    }
    if (awaited.size > 0) this.#awaited.set(partition, awaited);
    else this.#awaited.delete(partition);
    return awaited;
  }

  async #wait(awaited: Awaited, deadlineMs: number): Promise<void> {
    if (awaited.standing === 'over') return;
    const outcome = await this.#progress.waitUntil(awaited.goal, deadlineMs);
    if (outcome === 'notReached') awaited.tries += 1;
    if (outcome === 'reached' || awaited.tries >= TRIES_MAX) awaited.standing = 'over';
    else awaited.standing = outcome === 'notReached' ? 'notStored' : 'unreadable';
  }
}
