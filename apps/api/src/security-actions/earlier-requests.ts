import { setImmediate } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { Settings } from '#config/settings';
import { RequestArrivals } from '#kafka/request-arrivals';
import { RequestsProgress } from '#kafka/requests-progress';
import type { ProgressWait } from '#kafka/topic-progress';

/** How long one look at whether the door has caught up may take; another follows. */
const LOOK_MS = 10_000;

/**
 * Keeps the order of one target across both doors: what Kafka acknowledged on `requests` before a create came over
 * HTTP is in the log of commands before it.
 */
@Injectable()
export class EarlierRequests implements BeforeApplicationShutdown {
  readonly #logger = new Logger(EarlierRequests.name);
  readonly #arrivals: RequestArrivals;
  readonly #progress: RequestsProgress;
  readonly #waitMs: number;
  /** The mark under which all requests were known to be commands. */
  #clearMark: string | undefined;
  #areFarBehind = false;
  #stopping = false;

  constructor(arrivals: RequestArrivals, progress: RequestsProgress, settings: Settings) {
    this.#arrivals = arrivals;
    this.#progress = progress;
    // The rest is for Kafka to acknowledge the create itself.
    this.#waitMs = Math.min(settings.REQUESTS_WAIT_MS, settings.ACCEPT_TIMEOUT_MS / 2);
  }

  beforeApplicationShutdown(): void {
    this.#stopping = true;
  }

  /**
   * Resolves when the workers are done with what is in `requests` now: at once, while nobody has ever used that door. Once
   * somebody has, it is looked each time: who sends one after the other over both doors may be faster than the word of a
   * message is here, on a busy machine by far. Waits REQUESTS_WAIT_MS at most: a flood there, or no worker to read it, must
   * not keep anyone from containing a host. As long as that lasts, nobody waits.
   */
  async areCommands(): Promise<void> {
    if (this.#waitMs === 0 || this.#areFarBehind) return;
    // What lies in the socket already is heard of.
    await setImmediate();
    const { mark } = this.#arrivals;
    if (mark !== undefined && mark === this.#clearMark && this.#progress.untouched) return;
    const reached = await this.#progress.waitUntilPassed(performance.now() + this.#waitMs);
    if (reached === 'reached') this.#clearMark = mark;
    else if (reached === 'notReached') this.#overtake();
    else
      this.#logger.warn('offsets of requests cannot be read: a create over HTTP may overtake them');
  }

  #overtake(): void {
    if (this.#areFarBehind) return;
    this.#areFarBehind = true;
    this.#logger.warn(
      `requests wait for more than ${this.#waitMs} ms: creates over HTTP overtake them`,
    );
    this.#untilCaughtUp().catch((error: unknown) => this.#logger.error(error));
  }

  async #untilCaughtUp(): Promise<void> {
    let outcome: ProgressWait = 'notReached';
    while (outcome === 'notReached' && !this.#stopping) {
      outcome = await this.#progress.waitUntilPassed(performance.now() + LOOK_MS);
    }
    this.#areFarBehind = false;
    if (outcome !== 'reached') return;
    this.#logger.log('creates over HTTP come after the requests before them again');
  }
}
