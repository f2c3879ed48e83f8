import {
  canLookIntoProcesses,
  type ProcessMemory,
  programBytes,
  readMemory,
  readTimes,
  residentBytes,
  treeOf,
} from './process-tree.ts';

/** Each look reads all of /proc: a few milliseconds of the machine that is measured. */
const LOOK_INTERVAL_MS = 1000;

/** Processes by the name they are shown with; below each there may be more. */
export type Roots = Readonly<Record<string, number>>;

/** What each process used, with all below it. */
export type Usage = Record<string, { cpuMicros: number; peakBytes: number; programBytes: number }>;

/** Measures what processes use while something goes on. The load generator is not among them. */
export class Meter {
  readonly #roots: Roots;
  readonly #began: Record<string, number>;
  readonly #peaks: Record<string, number> = {};
  readonly #programs: Record<string, number> = {};
  readonly #timer: NodeJS.Timeout;

  private constructor(roots: Roots) {
    this.#roots = roots;
    this.#began = this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS);
  }

  /**
   * Measures while `work` goes on, and no longer when it fails: what is then stopped is not to be missed.
   * @param roots undefined: nothing can be looked into
   * @returns what was used; undefined, too, where there is no /proc
   */
  static async during<T>(
    roots: Roots | undefined,
    work: () => Promise<T>,
  ): Promise<{ result: T; usage: Usage | undefined }> {
    if (!roots || !canLookIntoProcesses) return { result: await work(), usage: undefined };
    const meter = new Meter(roots);
    try {
      return { result: await work(), usage: meter.#read() };
    } finally {
      clearInterval(meter.#timer);
    }
  }

  /** @returns what was used since the start */
  #read(): Usage {
    const ended = this.#look();
    return Object.fromEntries(
      Object.keys(this.#roots).map((name) => {
        const cpuMicros = ended[name]! - this.#began[name]!;
        const peakBytes = this.#peaks[name]!;
        return [name, { cpuMicros, peakBytes, programBytes: this.#programs[name]! }];
      }),
    );
  }

  /** @returns the CPU time so far, by name */
  #look(): Record<string, number> {
    const processes = readTimes();
    const cpu: Record<string, number> = {};
    for (const [name, root] of Object.entries(this.#roots)) {
      const pids = treeOf(root, processes);
      if (pids.length === 0) throw new Error(`${name} (process ${root}) has ended`);
      cpu[name] = pids.reduce((sum, pid) => sum + processes.get(pid)!.cpuMicros, 0);
      const memories = pids
        .map(readMemory)
        .filter((one): one is ProcessMemory => one !== undefined);
      this.#peaks[name] = Math.max(this.#peaks[name] ?? 0, residentBytes(memories));
      this.#programs[name] = Math.max(this.#programs[name] ?? 0, programBytes(memories));
    }
    return cpu;
  }
}

/** Microseconds of CPU of all processes together. */
export function totalMicros(usage: Usage): number {
  return Object.values(usage).reduce((sum, { cpuMicros }) => sum + cpuMicros, 0);
}
