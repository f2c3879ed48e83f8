import { setTimeout as passed } from 'node:timers/promises';
import type { Exit } from '../../dev/process/child.ts';
import type { ServiceProcess } from '../../dev/process/service.ts';

const RETRY_MS = 500;
/** Whatever it needs is back long before, on a busy machine too: then it is the process that does not come up. */
const SERVES_WITHIN_MS = 180_000;
/** Beyond all that a process is promised to take, and what a busy machine adds: what has not ended by then would not. */
const STOP_GRACE_MS = 15_000;
/** A slow process runs for a fifth of the time. */
const SLOW_MS = { stopped: 200, running: 50 };

/** How a process ended that was asked to, and how long that took. */
export interface Stop extends Exit {
  tookMs: number;
}

/** Hears what a victim does of itself. */
export interface VictimHooks {
  /** It had served, and ended. @param restored resolves when it serves again, and rejects when it does not come to that */
  ended(restored: Promise<void>): void;
  /** It was started, and ended before it served. It is started again. */
  endedWhileStarting(): void;
  /** It had served, and was asked to end. */
  stopped(stop: Stop): void;
}

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
  /** What a fault ended last; whoever waits for it to serve may see that only after the fault. */
  #felledPid: number | undefined;
  readonly #hooks: VictimHooks;
  readonly #servesWithinMs: number;

  constructor(
    name: string,
    process: ServiceProcess,
    hooks: VictimHooks,
    servesWithinMs = SERVES_WITHIN_MS,
  ) {
    this.name = name;
    this.#process = process;
    this.#hooks = hooks;
    this.#servesWithinMs = servesWithinMs;
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
    this.#holdDown();
    await this.#process.kill();
  }

  /** In good order; one that does not end in time is killed, as any supervisor would. */
  async stop(): Promise<void> {
    const hasServed = this.#process.running && !this.#reviving;
    const beganMs = performance.now();
    this.#holdDown();
    await this.#process.stop(STOP_GRACE_MS);
    const exit = await this.#process.exited;
    if (hasServed) this.#hooks.stopped({ ...exit, tookMs: performance.now() - beganMs });
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

  /** Resolves when it serves. @throws Error when it does not in minutes */
  async revive(): Promise<void> {
    this.#isHeldDown = false;
    await (this.#reviving ??= this.#start().finally(() => (this.#reviving = undefined)));
  }

  /** Resolves when it serves again, if it had ended by itself. @throws Error when it does not in minutes */
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

  #holdDown(): void {
    this.#isHeldDown = true;
    this.#felledPid = this.pid;
  }

  get #isToServe(): boolean {
    return !this.#isRetired && !this.#isHeldDown;
  }

  async #start(): Promise<void> {
    const giveUpAtMs = performance.now() + this.#servesWithinMs;
    while (this.#isToServe) {
      if (await this.#serves()) return;
      if (performance.now() > giveUpAtMs)
        throw new Error(
          `${this.name} does not serve ${this.#servesWithinMs / 1000} s after its end`,
        );
      // What it needs to serve may be away: again, until that is back.
      await passed(RETRY_MS);
    }
  }

  async #serves(): Promise<boolean> {
    // One that never came to serve has had its time. Meanwhile a fault may take it down, and then it is to stay down.
    if (this.#process.running) {
      this.#felledPid = this.pid;
      await this.#process.stop();
      if (!this.#isToServe) return false;
    }
    const before = this.pid;
    try {
      await this.#process.restart();
      this.#watch();
      return true;
    } catch {
      const isEnded = this.pid !== before && !this.#process.running;
      if (isEnded && this.#isOwnEnd(this.pid)) this.#hooks.endedWhileStarting();
      return false;
    }
  }

  #isOwnEnd(pid: number): boolean {
    return !this.#isRetired && this.#felledPid !== pid;
  }

  #watch(): void {
    const { pid, exited } = this.#process;
    exited
      .then(() => {
        if (this.#isOwnEnd(pid)) this.#hooks.ended(this.revive());
      })
      .catch(() => undefined);
  }
}
