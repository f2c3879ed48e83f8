import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import {
  deleteOldDeadLetters,
  deleteSurplusDeadLetters,
} from '#database/dead-letter-bounds.queries';
import { RETENTION_MS } from '#kafka/topics';
import { Loop } from '../process/loop.ts';
import { ActionMetrics } from '../metrics/action-metrics.ts';

/** How far a flood can get above the bound: what is stored in so long. Steps follow each other at once while there is more. */
const INTERVAL_MS = 10_000;
/** Deleted in a few milliseconds, contents included. */
const BATCH_MAX = 500;

/**
 * Deletes dead letters when their topic has, and the oldest of those that nobody has decided about when there are too many:
 * strangers can make any number of them, and the table must stay bounded.
 */
@Injectable()
export class DeadLetterRetention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #logger = new Logger(DeadLetterRetention.name);
  readonly #database: DataSource;
  readonly #metrics: ActionMetrics;
  readonly #lettersMax: number;
  readonly #loop: Loop;

  constructor(
    @InjectDataSource() database: DataSource,
    metrics: ActionMetrics,
    settings: Settings,
  ) {
    this.#database = database;
    this.#metrics = metrics;
    this.#lettersMax = settings.DEAD_LETTERS_MAX;
    this.#loop = new Loop(DeadLetterRetention.name, INTERVAL_MS, async () => {
      const old = await deleteOldDeadLetters(database.manager, RETENTION_MS, BATCH_MAX);
      return Math.max(old, await this.#deleteSurplus()) === BATCH_MAX;
    });
  }

  onApplicationBootstrap(): void {
    this.#loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#loop.stop();
  }

  async #deleteSurplus(): Promise<number> {
    const { count, azureTenantId } = await deleteSurplusDeadLetters(
      this.#database.manager,
      this.#lettersMax,
      BATCH_MAX,
    );
    if (count === 0) return 0;
    this.#metrics.deadLettersUnlisted(count);
    this.#logger.warn(
      { letters: count, tenantId: azureTenantId },
      'dead letters are no longer listed, as there are more than DEAD_LETTERS_MAX; their topic has them',
    );
    return count;
  }
}
