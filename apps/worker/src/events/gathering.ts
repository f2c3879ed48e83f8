/**
 * So long the relay gathers before it publishes: a quick action's events come within a few milliseconds, from two transactions, and
 * go out in one request instead of two or three.
 */
const GATHER_MS = 5;
/** Events of three actions. Where it has more, requests are saved by waiting; where it has fewer, somebody waits in vain. */
const FEW = 9;

/** The pause before a step of the relay: for as long as there is something to wait for. */
export class Gathering {
  #found = 0;
  #isOver = false;
  #end: (() => void) | undefined;

  /** Waits for what comes within a few milliseconds; with little to do, only until it has come. */
  async wait(): Promise<void> {
    const mayEnd = this.#found <= FEW;
    if (!mayEnd || !this.#isOver) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, GATHER_MS);
        this.#end = () => {
          if (!mayEnd) return;
          clearTimeout(timer);
          resolve();
        };
      });
      this.#end = undefined;
    }
    this.#isOver = false;
  }

  /** What is under way has come: nothing more follows soon. */
  end(): void {
    this.#isOver = true;
    this.#end?.();
  }

  /** How many events a step has found. */
  found(count: number): void {
    this.#found = count;
  }
}
