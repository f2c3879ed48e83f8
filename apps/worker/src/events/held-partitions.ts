import { Logger } from '@nestjs/common';
import type { LeftOut } from './send-in-order.ts';

/** A leader moves within seconds; replicas that are lost may take hours, and each try is a request in vain. */
const PAUSE_MS = 1000;
const PAUSE_MS_MAX = 30_000;
/** After the end of a pause, how long a partition is on trial: a try may take seconds to fail. */
const TRIAL_MS = 60_000;

/** Partitions that take nothing now, each until its next try: so long their events wait, and no others. */
export class HeldPartitions {
  readonly #logger = new Logger('Relay');
  readonly #pauses = new Map<number, { ms: number; untilMs: number }>();

  /** Those that are held at this moment. */
  now(): Set<number> {
    const nowMs = performance.now();
    const held = [...this.#pauses].filter(([, { untilMs }]) => untilMs > nowMs);
    return new Set(held.map(([partition]) => partition));
  }

  /** Whether it took nothing lately. */
  isSuspect(partition: number): boolean {
    const last = this.#pauses.get(partition);
    return last !== undefined && performance.now() - last.untilMs < TRIAL_MS;
  }

  /** @param partitions that have taken nothing just now, and what each said: it waits twice as long as the last time, if that is not long ago */
  hold(partitions: LeftOut['partitions']): void {
    const nowMs = performance.now();
    for (const [partition, answer] of partitions) {
      const last = this.#pauses.get(partition);
      const ms = last && this.isSuspect(partition) ? Math.min(2 * last.ms, PAUSE_MS_MAX) : PAUSE_MS;
      this.#pauses.set(partition, { ms, untilMs: nowMs + ms });
      this.#logger.warn(
        { partition, answer, pauseMs: ms },
        'events wait: their partition takes nothing now, as when it has too few replicas',
      );
    }
  }
}
