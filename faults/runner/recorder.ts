import { type WriteStream, createWriteStream } from 'node:fs';
import { once } from 'node:events';
import type { Entry } from '../history.ts';

/** Writes the history of a run to its file; its clock is that of all entries. */
export class Recorder {
  readonly file: string;
  readonly startedAt = new Date();
  readonly #beganMs = performance.now();
  readonly #stream: WriteStream;

  constructor(file: string) {
    this.file = file;
    this.#stream = createWriteStream(file);
  }

  nowMs(): number {
    return performance.now() - this.#beganMs;
  }

  /** Notes an entry as of now, or as of the time that it says. */
  note<E extends Entry>(entry: Omit<E, 'atMs'> & { atMs?: number }): void {
    this.#stream.write(`${JSON.stringify({ atMs: this.nowMs(), ...entry })}\n`);
  }

  async close(): Promise<void> {
    this.#stream.end();
    await once(this.#stream, 'finish');
  }
}
