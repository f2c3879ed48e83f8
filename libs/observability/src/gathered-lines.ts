import { type DestinationStream, symbols } from 'pino';

/** So much is written at once, whether the turn is over or not. */
const CHARACTERS_MAX = 64 * 1024;
/** Pino's number for `warn`. */
const URGENT = 40;

/**
 * Writes log lines once a turn of the event loop: a line for each request is a system call for each otherwise, dearer than
 * all else of the line. What tells of trouble is written at once, with all lines before it, and so is what is left when the
 * process exits, by whatever error: only what ends it without an exit (a signal, V8 out of memory) can take lines along, of that one
 * turn.
 */
export class GatheredLines implements DestinationStream {
  /** Has pino leave in `lastLevel` which level the next line has. */
  readonly [symbols.needsMetadataGsym] = true;
  lastLevel = URGENT;
  readonly #destination: DestinationStream;
  #lines = '';
  #isScheduled = false;

  /** @param destination must have written what it is given when it returns */
  constructor(destination: DestinationStream) {
    this.#destination = destination;
    process.once('exit', () => this.#flush());
  }

  write(line: string): void {
    this.#lines += line;
    if (this.lastLevel >= URGENT || this.#lines.length > CHARACTERS_MAX) {
      this.#flush();
    } else if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#flush();
      });
    }
  }

  #flush(): void {
    if (this.#lines === '') return;
    const lines = this.#lines;
    this.#lines = '';
    this.#destination.write(lines);
  }
}
