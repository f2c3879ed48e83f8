import { setTimeout as sleep } from 'node:timers/promises';
import { ExpectedError } from '../expected-error.ts';
import { type Child, describeExit } from './child.ts';

/** Something that can be started, and started again with the same ports and data after it died. */
export interface Service {
  name: string;
  launch(): Promise<Child>;
  /** One question whether it serves; throws, or answers why not, while it does not. */
  probe(): Promise<string | undefined>;
}

const PROBE_INTERVAL_MS = 100;
const READY_MS_MAX = 120_000;

/** Waits until the service serves. @throws ExpectedError with the end of its log when it ends before, or never does. */
export async function waitUntilReady(
  service: Service,
  child: Child,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + READY_MS_MAX;
  let answer: string | undefined = 'not asked yet';
  while (Date.now() < deadline) {
    signal?.throwIfAborted();
    if (!child.running) {
      const exit = describeExit(await child.exited);
      throw new ExpectedError(
        `${service.name} ended ${exit} while starting. The end of ${child.logFile}:\n${child.lastLines()}`,
      );
    }
    answer = await service.probe().catch((error: unknown) => String(error));
    if (answer === undefined) return;
    await sleep(PROBE_INTERVAL_MS);
  }
  throw new ExpectedError(
    `${service.name} does not serve after ${READY_MS_MAX / 1000} s (${answer}). See ${child.logFile}`,
  );
}

/** A started service in the hands of a test or a tool: every fault it may meet is a method. */
export class ServiceProcess {
  readonly #service: Service;
  #child: Child;

  constructor(service: Service, child: Child) {
    this.#service = service;
    this.#child = child;
  }

  get name(): string {
    return this.#service.name;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get exited(): Child['exited'] {
    return this.#child.exited;
  }

  get running(): boolean {
    return this.#child.running;
  }

  /** Stops it in good order; data and port stay. @returns whether it had to be killed, as it did not end in time */
  stop(graceMs = 15_000): Promise<boolean> {
    return this.#child.stop(graceMs);
  }

  /** The end of what it has printed. */
  lastLines(): string {
    return this.#child.lastLines();
  }

  /** Ends it the way a crash does. */
  kill(): Promise<void> {
    return this.#child.kill();
  }

  /** Stops its clock: connections stay open and nothing answers, until `resume`. */
  pause(): void {
    this.#child.pause();
  }

  resume(): void {
    this.#child.resume();
  }

  /** Starts it again after `stop` or `kill`: same data, same port. Resolves when it serves. */
  async restart(): Promise<void> {
    if (this.#child.running) await this.stop();
    this.#child = await this.#service.launch();
    await waitUntilReady(this.#service, this.#child);
  }
}

/** Stops all of them. @throws ExpectedError that names each that had to be killed, with the end of its log */
export async function stopInTime(
  processes: readonly ServiceProcess[],
  graceMs?: number,
): Promise<void> {
  const stops = processes.map(async (one) => ((await one.stop(graceMs)) ? one : undefined));
  const killed = (await Promise.all(stops)).filter((one) => one !== undefined);
  if (killed.length === 0) return;
  throw new ExpectedError(
    killed
      .map(
        (one) =>
          `${one.name} did not end in time and was killed. The end of its log:\n${one.lastLines()}`,
      )
      .join('\n'),
  );
}

/** Starts a service outside any supervision. Nothing is left running when it does not come up. */
export async function startUnsupervised(service: Service, signal?: AbortSignal): Promise<Child> {
  const child = await service.launch();
  try {
    await waitUntilReady(service, child, signal);
    return child;
  } catch (error) {
    await child.kill();
    throw error;
  }
}
