import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { LIFELINE } from '#database/database.module';
import { type WaitingKind, findWaiting } from '#database/waiting.queries';
import { Relay } from '../events/relay.ts';
import { Canceller } from './canceller.ts';
import { Dispatcher } from './dispatcher.ts';
import { Loop } from '../process/loop.ts';

/** Whose work may come without a signal, and how soon it is to be noticed. */
interface Watched {
  kind: WaitingKind;
  loop: Loop;
  /** Tells it that something waits. */
  wake: () => void;
  intervalMs: number;
  /** Whether it could do anything about it. */
  isWanted: () => boolean;
  lookedAtMs: number;
}

/**
 * Looks for what comes without a signal (written by another process, or due by now) on behalf of all that would have to look
 * for themselves: one statement, and not a transaction of each, is all that an idle worker asks Postgres. Whoever has just
 * taken a step has looked already, or will soon (the relay: `NextEvents`), and so a busy worker is not asked for at all.
 */
@Injectable()
export class Lookout implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #loop: Loop;
  readonly #database: DataSource;
  readonly #watched: Watched[];
  readonly #tickMs: number;

  constructor(
    @InjectDataSource(LIFELINE) database: DataSource,
    dispatcher: Dispatcher,
    canceller: Canceller,
    relay: Relay,
    settings: Settings,
  ) {
    this.#database = database;
    const watch = (kind: WaitingKind, { loop }: { loop: Loop }, intervalMs: number) => ({
      kind,
      loop,
      wake: () => loop.wake(),
      intervalMs,
      isWanted: () => true,
      lookedAtMs: Number.NEGATIVE_INFINITY,
    });
    this.#watched = [
      watch('work', dispatcher, settings.CLAIM_INTERVAL_MS),
      watch('cancels', canceller, settings.CLAIM_INTERVAL_MS),
      {
        ...watch('events', relay, settings.RELAY_INTERVAL_MS),
        isWanted: () => relay.leads,
        wake: () => relay.noteMore(),
      },
    ];
    this.#tickMs = Math.min(...this.#watched.map(({ intervalMs }) => intervalMs));
    this.#loop = new Loop(Lookout.name, this.#tickMs, () => this.#look());
  }

  onApplicationBootstrap(): void {
    this.#loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#loop.stop();
  }

  async #look(): Promise<boolean> {
    const nowMs = performance.now();
    const due = this.#watched.filter((watched) => this.#isDue(watched, nowMs));
    if (due.length === 0) return false;
    const waiting = await findWaiting(this.#database.manager, new Set(due.map(({ kind }) => kind)));
    for (const watched of due) {
      watched.lookedAtMs = nowMs;
      if (waiting[watched.kind]) watched.wake();
    }
    return false;
  }

  /** Half a tick early rather than half a tick late. */
  #isDue({ loop, intervalMs, isWanted, lookedAtMs }: Watched, nowMs: number): boolean {
    const sinceMs = nowMs - Math.max(lookedAtMs, loop.steppedAtMs);
    return isWanted() && sinceMs + this.#tickMs / 2 >= intervalMs;
  }
}
