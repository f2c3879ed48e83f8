import { setTimeout as passed } from 'node:timers/promises';
import type { ServiceProcess } from '../../dev/process/service.ts';

const RETRY_MS = 500;
/** A slow process runs for a fifth of the time. */
const SLOW_MS = { stopped: 200, running: 50 };

/**
 * A process that faults befall. Whatever ends it, it is started again, as an operator's supervisor does it: at once when it
 * ended by itself, and when `revive` says so after a fault.
 */
export class Victim {
  readonly name: string;
  readonly #process: ServiceProcess;
  /** A fault keeps it down: nobody starts it. */
  #isHeldDown = false;
  #isRetired = false;
  #reviving: Promise<void> | undefined;
  #slowing: Promise<void> | undefined;
  #isSlow = false;
  readonly #onEndedByItself: (restored: Promise<void>) => void;

  /** @param onEndedByItself hears of each end that no fault had brought about, and when it serves again */
  constructor(
    name: string,
    process: ServiceProcess,
    onEndedByItself: (restored: Promise<void>) => void,
  ) {
    this.name = name;
    this.#process = process;
    this.#onEndedByItself = onEndedByItself;
    this.#watch();
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Neither SIGKILL nor SIGSTOP can fail to strike one that is. */
  get isAlive(): boolean {
    try {
      return process.kill(this.pid, 0);
    } catch {
      return false;
    }
  }

  async kill(): Promise<void> {
    this.#isHeldDown = true;
    await this.#process.kill();
  }

  /** In good order; one that does not end in time is killed, as any supervisor would. */
  async stop(): Promise<void> {
    this.#isHeldDown = true;
    await this.#process.stop();
  }

  pause(): void {
    this.#process.pause();
  }

  resume(): void {
    this.#process.resume();
  }

  /** It gets little time to run, as on a machine or a disk that is too slow for it. */
  slowDown(): void {
    this.#isSlow = true;
    this.#slowing = this.#stutter();
  }

  async speedUp(): Promise<void> {
    this.#isSlow = false;
    await this.#slowing;
  }

  /** Resolves when it serves. */
  async revive(): Promise<void> {
    this.#isHeldDown = false;
    await (this.#reviving ??= this.#start().finally(() => (this.#reviving = undefined)));
  }

  /** Resolves when it serves again, if it had ended by itself. */
  async revived(): Promise<void> {
    await this.#reviving;
  }

  /** Nobody starts it again from here on. */
  retire(): void {
    this.#isRetired = true;
  }

  async #stutter(): Promise<void> {
    while (this.#isSlow) {
      this.pause();
      await passed(SLOW_MS.stopped);
      this.resume();
      await passed(SLOW_MS.running);
    }
  }

  async #start(): Promise<void> {
    while (!this.#isRetired && !this.#isHeldDown) {
      try {
        await this.#process.restart();
        this.#watch();
        return;
      } catch {
        // What it needs to start is away: again, until that is back.
        await passed(RETRY_MS);
      }
    }
  }

  #watch(): void {
    this.#process.exited
      .then(async () => {
        if (this.#isHeldDown || this.#isRetired || this.#reviving) return;
        const restored = this.revive();
        this.#onEndedByItself(restored);
        await restored;
      })
      .catch(() => undefined);
  }
}
