import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';

const BACKOFF_MS_MAX = 2000;

/**
 * Repeats one step for as long as the process lives: at once while a step says there is more, else at the next
 * `wake()` or after the interval. A step that throws is an outage: it is logged once, and tried again with
 * growing pauses until it works.
 */
export class Loop {
  readonly #logger: Logger;
  readonly #intervalMs: number;
  readonly #step: () => Promise<boolean>;
  readonly #stopping = new AbortController();
  #awake = false;
  #wakeUp: (() => void) | undefined;
  #failures = 0;
  #ended: Promise<void> | undefined;

  /** @param step returns true when another step should follow at once */
  constructor(name: string, intervalMs: number, step: () => Promise<boolean>) {
    this.#logger = new Logger(name);
    this.#intervalMs = intervalMs;
    this.#step = step;
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
      const again = await this.#try();
      if (!again && !this.#awake && !this.#stopping.signal.aborted) await this.#pause();
    }
  }

  async #try(): Promise<boolean> {
    try {
      const again = await this.#step();
      if (this.#failures > 0) this.#logger.log('works again');
      this.#failures = 0;
      return again;
    } catch (error) {
      if (this.#failures === 0) this.#logger.warn(error);
      this.#failures += 1;
      await this.#backOff();
      return false;
    }
  }

  /** Not cut short by `wake()`: signals keep coming during an outage. */
  async #backOff(): Promise<void> {
    const pauseMs = Math.min(this.#intervalMs * 2 ** this.#failures, BACKOFF_MS_MAX);
    await delay(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#intervalMs);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = undefined;
  }
}
