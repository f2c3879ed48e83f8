import { execFileSync } from 'node:child_process';
import { mkdirSync, statfsSync } from 'node:fs';

/** Far more than a run writes; memory is taken only as it is written. */
const SIZE_MIB = 2048;

const FILL_STEP_BYTES = 262_144;
const FILL_ROOM_BYTES_MAX = 16 * FILL_STEP_BYTES;

/**
 * A file system of its own (tmpfs) that can be made full and given room again. Only root may mount one, and only on
 * Linux: elsewhere there is none, and no disk gets full.
 */
export class Disk {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Mounts it at a directory that is made. @returns undefined where that is not possible */
  static mount(directory: string): Disk | undefined {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
    mkdirSync(directory, { recursive: true });
    try {
      mount(['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'tmpfs', directory]);
      return new Disk(directory);
    } catch {
      // A container may lack the right to.
      return undefined;
    }
  }

  /** From now on nothing can be written to it that needs more room. @throws Error when it grows too fast for that */
  fill(): void {
    // It may have grown since it was measured, and cannot be made smaller than what is in it.
    for (let roomBytes = 0; roomBytes < FILL_ROOM_BYTES_MAX; roomBytes += FILL_STEP_BYTES) {
      const { blocks, bfree, bsize } = statfsSync(this.#directory);
      if (this.#resizes(`${(blocks - bfree) * bsize + roomBytes}`)) return;
    }
    throw new Error(`${this.#directory} grows too fast to be made full`);
  }

  empty(): void {
    if (!this.#resizes(`${SIZE_MIB}m`)) throw new Error(`${this.#directory} cannot be given room`);
  }

  unmount(): void {
    execFileSync('umount', [this.#directory]);
  }

  #resizes(size: string): boolean {
    try {
      mount(['-o', `remount,size=${size}`, this.#directory]);
      return true;
    } catch {
      return false;
    }
  }
}

function mount(args: string[]): void {
  execFileSync('mount', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
