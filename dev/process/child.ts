import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { guard, unguard } from './guard.ts';
import { childrenOf, processIdentity } from './identity.ts';
import type { RecordedProcess } from './stop-pids.ts';

export interface LaunchOptions {
  name: string;
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  uid?: number;
  gid?: number;
  /** What the process prints is appended here. */
  logFile: string;
  /** What asks it to end in good order. */
  stopSignal?: NodeJS.Signals;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const LOG_BYTES_MAX = 10 * 1024 * 1024;

/** A process that we started and answer for. */
export class Child {
  readonly name: string;
  readonly logFile: string;
  readonly exited: Promise<Exit>;
  readonly record: RecordedProcess;
  readonly #process: ChildProcess;
  #exit: Exit | undefined;

  constructor(process: ChildProcess, pid: number, options: LaunchOptions) {
    this.#process = process;
    this.name = options.name;
    this.logFile = options.logFile;
    this.record = {
      name: options.name,
      pid,
      identity: processIdentity(pid) ?? 'gone',
      stopSignal: options.stopSignal ?? 'SIGTERM',
    };
    this.exited = this.#watch();
    guard(this.record);
  }

  get pid(): number {
    return this.record.pid;
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  /** Asks the process to end; past `graceMs`, or when `hurry` fires, kills it and returns true. */
  async stop(graceMs: number, hurry?: AbortSignal): Promise<boolean> {
    this.#process.kill(this.record.stopSignal);
    this.resume(); // A paused process would never see the first signal.
    const timer = new AbortController();
    const signal = hurry ? AbortSignal.any([hurry, timer.signal]) : timer.signal;
    await Promise.race([this.exited, sleep(graceMs, undefined, { signal }).catch(() => undefined)]);
    timer.abort();
    if (!this.running) return false;
    await this.kill();
    return true;
  }

  /** SIGKILL: what a crash looks like. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.exited;
  }

  /** SIGSTOP, to the processes it forked too (Postgres serves each connection by one). */
  pause(): void {
    this.#signalAll('SIGSTOP');
  }

  resume(): void {
    if (this.running) this.#signalAll('SIGCONT');
  }

  /** The last lines it printed, to say why it ended. */
  lastLines(count = 15): string {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  }

  #signalAll(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
    for (const pid of childrenOf(this.pid)) {
      try {
        process.kill(pid, signal);
      } catch {
        // It ended in between.
      }
    }
  }

  async #watch(): Promise<Exit> {
    const [code, signal] = (await once(this.#process, 'exit')) as [Exit['code'], Exit['signal']];
    unguard(this.pid);
    this.#exit = { code, signal };
    return this.#exit;
  }
}

/**
 * Starts a process in a session of its own: Ctrl-C then reaches only us, and we stop things in our order.
 * @throws Error when the program cannot be run at all.
 */
export async function launch(options: LaunchOptions): Promise<Child> {
  const log = openLog(options.logFile);
  try {
    const { command, args, env, cwd, uid, gid } = options;
    const process = spawn(command, args, {
      ...(env && { env }),
      ...(cwd !== undefined && { cwd }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
      detached: true,
      stdio: ['ignore', log, log],
    });
    if (process.pid === undefined) throw await failure(process);
    return new Child(process, process.pid, options);
  } finally {
    closeSync(log);
  }
}

async function failure(process: ChildProcess): Promise<Error> {
  const [error] = (await once(process, 'error')) as [Error];
  return error;
}

/** Appends, but begins anew when the file has grown past its bound. */
function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true });
  const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return openSync(file, bytes > LOG_BYTES_MAX ? 'w' : 'a');
}

export function describeExit(exit: Exit): string {
  return exit.signal ? `by ${exit.signal}` : `with code ${exit.code}`;
}
