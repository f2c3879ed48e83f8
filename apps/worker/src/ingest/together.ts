import { isOutage } from '#database/sqlstate';
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
 * Stores commands.
 * @param isShared they are of several batches: what takes too long together is tried again by batch
 */
export type Store = (commands: ReadCommand[], isShared: boolean) => Promise<Refusal[]>;

/**
 * Has batches that come at the same time, each of a partition of its own, stored in one transaction: many partitions make
 * small batches, and a transaction costs as much for one command as for many. Each batch stays in its order; between
 * partitions there is none. When it fails, and Postgres is not away, each batch is tried by itself, one after the
 * other: one that must wait for a lock delays those behind it, and one that cannot be stored fails alone. Bounded by its
 * callers: each partition waits for its own batch.
 */
export class Together {
  readonly #commandsMax: number;
  readonly #store: Store;
  readonly #waiting: Waiting[] = [];
  #writers = 0;

  /** @param store is given whole batches, one of them even if it is larger than `commandsMax` */
  constructor(commandsMax: number, store: Store) {
    this.#commandsMax = commandsMax;
    this.#store = store;
  }

  /**
   * @returns the refusals among these commands
   * @throws what `store` throws for these commands, or when Postgres is away
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
      const commands = batches.flatMap((batch) => batch.commands);
      const refusals = await this.#store(commands, batches.length > 1);
      for (const { commands, resolve } of batches) {
        resolve(refusals.filter(({ command }) => commands.includes(command)));
      }
    } catch (error) {
      if (batches.length === 1 || isOutage(error)) for (const { reject } of batches) reject(error);
      else for (const batch of batches) await this.#write([batch]);
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
