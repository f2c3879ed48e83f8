import type { ReadCommand } from '#domain/command';

/** A command that could not become the action that it asks for, and why: an ApiError, or what Postgres says of its contents. */
export interface Refusal {
  command: ReadCommand;
  error: Error;
}

interface Waiting {
  commands: ReadCommand[];
  resolve: (refusals: Refusal[]) => void;
  reject: (error: unknown) => void;
}

/** One stores while the next gathers; a second goes on where the first must wait for a lock. */
const WRITERS_MAX = 2;

/**
 * Has batches that come at the same time, each of a partition of its own, stored in one transaction: many partitions make
 * small batches, and a transaction costs as much for one command as for many. Each batch stays in its order; between
 * partitions there is none. Bounded by its callers: each partition waits for its own batch.
 */
export class Together {
  readonly #commandsMax: number;
  readonly #store: (commands: ReadCommand[]) => Promise<Refusal[]>;
  readonly #waiting: Waiting[] = [];
  #writers = 0;

  /** @param store as `add` is; it is given whole batches, one of them even if it is larger than `commandsMax` */
  constructor(commandsMax: number, store: (commands: ReadCommand[]) => Promise<Refusal[]>) {
    this.#commandsMax = commandsMax;
    this.#store = store;
  }

  /**
   * @returns the refusals among these commands
   * @throws what `store` throws for a transaction that these commands were part of
   */
  async add(commands: ReadCommand[]): Promise<Refusal[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ commands, resolve, reject });
      if (this.#writers >= WRITERS_MAX) return;
      this.#writers += 1;
      // After this turn of the event loop: what one answer of Kafka brings comes in one turn.
      setImmediate(() => void this.#writeAll());
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) await this.#write(this.#take());
    this.#writers -= 1;
  }

  async #write(batches: Waiting[]): Promise<void> {
    try {
      const refusals = await this.#store(batches.flatMap(({ commands }) => commands));
      for (const { commands, resolve } of batches) {
        resolve(refusals.filter(({ command }) => commands.includes(command)));
      }
    } catch (error) {
      for (const { reject } of batches) reject(error);
    }
  }

  #take(): Waiting[] {
    let count = 0;
    const end = this.#waiting.findIndex(({ commands }) => {
      count += commands.length;
      return count > this.#commandsMax;
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(1, end));
  }
}
