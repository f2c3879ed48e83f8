import { existsSync, readdirSync, readFileSync } from 'node:fs';

/*
 * What a process and all below it use, from /proc. Postgres serves each connection by a child of its own; what those
 * used that have ended is in the account of their parent, once it has taken note of their end.
 */

/** Ticks in which Linux shows CPU time to programs: a constant of its interface on every machine that Node runs on. */
const TICKS_PER_SECOND = 100;
const MICROS_PER_TICK = 1_000_000 / TICKS_PER_SECOND;
const KIB = 1024;

/** One line of /proc/<pid>/stat. */
export interface ProcessTimes {
  parent: number;
  /** Microseconds on a CPU: its own, and of its children that have ended. */
  cpuMicros: number;
}

/** Resident memory by kind, in bytes. */
export interface ProcessMemory {
  anonymous: number;
  file: number;
  shared: number;
}

/** Without /proc neither CPU nor memory of other processes can be told. */
export const canLookIntoProcesses = existsSync('/proc/self/stat');

/** @param stat the content of /proc/<pid>/stat; the name in it may hold blanks and brackets */
export function parseTimes(stat: string): ProcessTimes {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Counted from the third field of the whole line: ppid 4th, utime to cstime 14th to 17th.
  const [user, system, userOfEnded, systemOfEnded] = fields.slice(11, 15).map(Number);
  return {
    parent: Number(fields[1]),
    cpuMicros: (user! + system! + userOfEnded! + systemOfEnded!) * MICROS_PER_TICK,
  };
}

/** @param status the content of /proc/<pid>/status */
export function parseMemory(status: string): ProcessMemory {
  const kibibytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
  return {
    anonymous: kibibytes('RssAnon') * KIB,
    file: kibibytes('RssFile') * KIB,
    shared: kibibytes('RssShmem') * KIB,
  };
}

/** A process and all below it. */
export function treeOf(root: number, processes: ReadonlyMap<number, ProcessTimes>): number[] {
  const found = processes.has(root) ? [root] : [];
  for (const pid of found) {
    for (const [child, { parent }] of processes) if (parent === pid) found.push(child);
  }
  return found;
}

/**
 * What a tree has in memory. Its processes share their programs and, in Postgres, the buffers, so of those the largest
 * part that one of them has mapped counts for all.
 */
export function residentBytes(memories: readonly ProcessMemory[]): number {
  const anonymous = memories.reduce((sum, memory) => sum + memory.anonymous, 0);
  return anonymous + largest(memories, 'file') + largest(memories, 'shared');
}

/**
 * What of that are programs: how much of its file a process has mapped at once depends on how the file came into the memory
 * of the system, in small pieces or in large ones.
 */
export function programBytes(memories: readonly ProcessMemory[]): number {
  return largest(memories, 'file');
}

function largest(memories: readonly ProcessMemory[], kind: 'file' | 'shared'): number {
  return Math.max(0, ...memories.map((one) => one[kind]));
}

/** Every process there is now. */
export function readTimes(): Map<number, ProcessTimes> {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return new Map(
    pids.flatMap((pid) => {
      const stat = readIfThere(`/proc/${pid}/stat`);
      return stat === undefined ? [] : [[pid, parseTimes(stat)] as const];
    }),
  );
}

/** Undefined for one that has ended. */
export function readMemory(pid: number): ProcessMemory | undefined {
  const status = readIfThere(`/proc/${pid}/status`);
  return status === undefined ? undefined : parseMemory(status);
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // It ended in between.
  }
}
