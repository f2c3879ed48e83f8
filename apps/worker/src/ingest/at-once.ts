import type { DataSource } from 'typeorm';
import type { ClaimLease, ClaimRoom } from '#database/claim.queries';
import type { InsertedAction } from '#database/ingest.queries';
import { mayAllStart, storeStarted } from '#database/start-at-once';
import type { ReadCommand } from '#domain/command';

/** What kept a batch from starting, a busy target or a queue at a provider, is likely to keep the next ones from it, too. */
const TRIES_SPARED = 10;

/** The short way of the ingest, for a batch that starts as a whole, and when it is worth a try. */
export class AtOnce {
  readonly #database: DataSource;
  readonly #lease: ClaimLease;
  #triesSpared = 0;

  constructor(database: DataSource, lease: ClaimLease) {
    this.#database = database;
    this.#lease = lease;
  }

  /** @returns what `storeStarted` does; none, too, where it is not tried */
  async store(commands: ReadCommand[], room: ClaimRoom): Promise<InsertedAction[]> {
    if (!mayAllStart(commands, room)) return [];
    if (this.#triesSpared > 0) {
      this.#triesSpared -= 1;
      return [];
    }
    const started = await storeStarted(this.#database, commands, { room, lease: this.#lease });
    if (started.length === 0) this.#triesSpared = TRIES_SPARED;
    return started;
  }
}
