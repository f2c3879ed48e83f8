import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, describeExit } from './child.ts';
import { type Service, waitUntilReady } from './service.ts';

const RESTART_DELAY_MS = 500;
const RESTART_DELAY_MS_MAX = 5000;
// A process that lived this long counts as well: its next death is restarted without the longer delay.
const WELL_AFTER_MS = 30_000;
// A restarted process is announced once it serves, or after this long: what waits for an outage to end
// does not serve, but its pid is of use to whoever wants to look at it.
const ANNOUNCE_AFTER_MS = 3000;

export interface SupervisorHooks {
  log: (line: string) => void;
  /** The set of running processes has changed. */
  changed: () => void;
}

/** Keeps one service running: starts it, and starts it again within seconds whenever it dies. */
export class Supervisor {
  readonly service: Service;
  readonly #hooks: SupervisorHooks;
  readonly #stopping = new AbortController();
  #child: Child | undefined;
  #keeping: Promise<void> = Promise.resolve();

  constructor(service: Service, hooks: SupervisorHooks) {
    this.service = service;
    this.#hooks = hooks;
  }

  get child(): Child | undefined {
    return this.#child;
  }

  /** The first start: resolves when it serves. A failure here is the caller's, not a reason to try again. */
  async start(signal: AbortSignal): Promise<void> {
    const child = await this.#launch();
    await waitUntilReady(this.service, child, signal);
    this.#keeping = this.#keepRunning(child);
  }

  async stop(graceMs: number, hurry?: AbortSignal): Promise<void> {
    this.#stopping.abort();
    const killed = await this.#child?.stop(graceMs, hurry);
    if (killed) this.#hooks.log(`${this.service.name} did not stop in time and was killed`);
    await this.#keeping;
  }

  async #launch(): Promise<Child> {
    this.#child = await this.service.launch();
    this.#hooks.changed();
    return this.#child;
  }

  async #keepRunning(first: Child): Promise<void> {
    let child: Child | undefined = first;
    let delayMs = RESTART_DELAY_MS;
    while (true) {
      const began = performance.now();
      const end = child ? describeExit(await child.exited) : 'before it began';
      if (this.#stopping.signal.aborted) return;
      if (performance.now() - began > WELL_AFTER_MS) delayMs = RESTART_DELAY_MS;
      const pid = child ? ` (pid ${child.pid})` : '';
      this.#hooks.log(`${this.service.name}${pid} ended ${end}; starting it again`);
      await sleep(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#stopping.signal.aborted) return;
      delayMs = Math.min(delayMs * 2, RESTART_DELAY_MS_MAX);
      child = await this.#relaunch();
    }
  }

  async #relaunch(): Promise<Child | undefined> {
    try {
      const child = await this.service.launch();
      this.#child = child;
      // `stop` may have come while the process was being started, and stopped its predecessor.
      if (this.#stopping.signal.aborted) await child.stop(RESTART_DELAY_MS_MAX);
      else await this.#announce(child);
      return child;
    } catch (error) {
      this.#hooks.log(`${this.service.name} cannot be started: ${String(error)}`);
      return undefined;
    }
  }

  async #announce(child: Child): Promise<void> {
    const began = performance.now();
    const given = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(ANNOUNCE_AFTER_MS)]);
    const serves = await waitUntilReady(this.service, child, given).then(
      () => true,
      () => false,
    );
    if (this.#stopping.signal.aborted || !child.running) return;
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    this.#hooks.log(
      `${this.service.name} runs again (pid ${child.pid}${serves ? `, serves after ${seconds} s` : ', does not serve yet'})`,
    );
    this.#hooks.changed();
  }
}
