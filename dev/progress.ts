const TICK_INTERVAL_MS = 15_000;

/** Tells a person what goes on, with the time since the start, so that no wait is silent. */
export class Progress {
  readonly #startedAt = performance.now();
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void = (line) => console.log(line)) {
    this.#write = write;
  }

  line(text: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1);
    this.#write(`[${seconds.padStart(5)} s] ${text}`);
  }

  /** Says what begins, from time to time that it still goes on, and how long it took. */
  async step<T>(text: string, work: () => Promise<T>): Promise<T> {
    this.line(`${text} …`);
    const began = performance.now();
    const ticker = setInterval(() => this.line(`${text}: still at it …`), TICK_INTERVAL_MS);
    try {
      const result = await work();
      this.line(`${text}: done (${((performance.now() - began) / 1000).toFixed(1)} s)`);
      return result;
    } finally {
      clearInterval(ticker);
    }
  }
}
