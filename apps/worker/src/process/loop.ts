import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';

/** As if it were the interval of a loop that has none. */
const BACKOFF_MS = 100;
const BACKOFF_MS_MAX = 2000;
/** During an outage every step fails alike: one line in so many ms is enough. */
const REPEATED_WARNING_MS = 60_000;

/**
 * Repeats one step for as long as the process lives: at once while a step says there is more, else at the next
 * `wake()` or after the interval, if it has one. A step that throws is an outage: it is logged, and tried again with growing
 * pauses until it works.
 */
export class Loop {
  readonly #logger: Logger;
  readonly #intervalMs: number | undefined;
  readonly #step: () => Promise<boolean>;
  readonly #stopping = new AbortController();
  #awake = false;
  #wakeUp: (() => void) | undefined;
  #failures = 0;
  #warned: { message: string; atMs: number } | undefined;
  #ended: Promise<void> | undefined;
  #steppedAtMs = Number.NEGATIVE_INFINITY;

  /**
   * @param intervalMs undefined: it waits until it is woken
   * @param step returns true when another step should follow at once
   */
  constructor(name: string, intervalMs: number | undefined, step: () => Promise<boolean>) {
    this.#logger = new Logger(name);
    this.#intervalMs = intervalMs;
    this.#step = step;
  }

  /** When the last step began, on the clock of `performance.now()`. */
  get steppedAtMs(): number {
    return this.#steppedAtMs;
  }

  start(): void {
    this.#ended ??= this.#run();
  }

  /** There may be something to do: do not wait for the interval. */
  wake(): void {
    this.#awake = true;
    this.#wakeUp?.();
  }

  /** Ends after the step under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wakeUp?.();
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#awake = false;
      this.#steppedAtMs = performance.now();
      const again = await this.#try();
      if (!again && !this.#awake && !this.#stopping.signal.aborted) await this.#pause();
    }
  }

  async #try(): Promise<boolean> {
    try {
      const again = await this.#step();
      if (this.#failures > 0) this.#logger.log('works again');
      this.#failures = 0;
      this.#warned = undefined;
      return again;
    } catch (error) {
      this.#warn(error);
      this.#failures += 1;
      await this.#backOff();
      return true; // That was the pause: a long interval on top would cost a lease.
    }
  }

  #warn(error: unknown): void {
    const message = String(error);
    const now = performance.now();
    const repeats = message === this.#warned?.message;
    if (repeats && now - this.#warned!.atMs < REPEATED_WARNING_MS) return;
    this.#logger.warn({ err: error }, 'failed, and will be tried again');
    this.#warned = { message, atMs: now };
  }

  /** Not cut short by `wake()`: signals keep coming during an outage. */
  async #backOff(): Promise<void> {
    const firstMs = this.#intervalMs ?? BACKOFF_MS;
    const pauseMs = Math.min(firstMs * 2 ** this.#failures, BACKOFF_MS_MAX);
    await delay(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer =
        this.#intervalMs === undefined ? undefined : setTimeout(resolve, this.#intervalMs);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = undefined;
  }
}
