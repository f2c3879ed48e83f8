import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';

/**
 * One read at a time for any number of callers, where each caller gets an answer whose read began after it
 * asked: who comes while one is under way shares the next.
 */
export class SharedRead<T> {
  readonly #read: () => Promise<T>;
  readonly #spacingMs: number | undefined;
  #beganAtMs = Number.NEGATIVE_INFINITY;
  #current: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  /**
   * @param spacingMs from the beginning of one read to that of the next, for callers who would rather wait than have Kafka asked
   * each time; then all who ask in one turn of the event loop share a read, too. Left out: it begins at once.
   */
  constructor(read: () => Promise<T>, spacingMs?: number) {
    this.#read = read;
    this.#spacingMs = spacingMs;
  }

  /** The result of a read that begins now or later. Rejects as that read does. */
  fresh(): Promise<T> {
    if (this.#next) return this.#next;
    if (!this.#current && this.#spacingMs === undefined) return this.#begin();
    const before = this.#current?.catch(() => undefined);
    this.#next = Promise.all([before, this.#pause()]).then(() => this.#begin());
    return this.#next;
  }

  async #pause(): Promise<void> {
    if (this.#spacingMs === undefined) return;
    const leftMs = this.#beganAtMs + this.#spacingMs - performance.now();
    await (leftMs > 0 ? delay(leftMs) : nextTurn());
  }

  #begin(): Promise<T> {
    this.#next = undefined;
    this.#beganAtMs = performance.now();
    const current = this.#read().finally(() => {
      if (this.#current === current) this.#current = undefined;
    });
    this.#current = current;
    return current;
  }
}
