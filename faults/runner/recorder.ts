import { type WriteStream, createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Entry } from '../history.ts';

/** Writes the history of a run to its file; its clock is that of all entries. What keeps it from that breaks the run off. */
export class Recorder {
  readonly file: string;
  readonly startedAt = new Date();
  readonly #beganMs = performance.now();
  readonly #stream: WriteStream;
  readonly #broken = new AbortController();

  constructor(file: string) {
    this.file = file;
    this.#stream = createWriteStream(file).on('error', (error) => this.breakOff(error));
  }

  /** Says that the run cannot go on, and why. */
  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  /** What goes on cannot be recorded, or not be made, any more. The first reason counts. */
  breakOff(reason: unknown): void {
    this.#broken.abort(reason);
  }

  nowMs(): number {
    return performance.now() - this.#beganMs;
  }

  /** Notes an entry as of now, or as of the time that it says. What comes after `close` is no part of the run. */
  note<E extends Entry>(entry: Omit<E, 'atMs'> & { atMs?: number }): void {
    if (this.#stream.writableEnded || this.#stream.destroyed) return;
    this.#stream.write(`${JSON.stringify({ atMs: this.nowMs(), ...entry })}\n`);
  }

  async close(): Promise<void> {
    this.#stream.end();
    await finished(this.#stream);
  }
}
