import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { deleteOldDeadLetters } from '#database/dead-letter.queries';
import { RETENTION_MS } from '#kafka/topics';
import { Loop } from '../engine/loop.ts';

/** Nobody waits for it; more than this in a minute, and steps follow each other at once. */
const INTERVAL_MS = 60_000;
/** Deleted in a few milliseconds, contents included. */
const BATCH_MAX = 500;

/** Deletes dead letters when their topic has: strangers can make any number of them, and the table must stay bounded. */
@Injectable()
export class DeadLetterRetention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #loop: Loop;

  constructor(@InjectDataSource() database: DataSource) {
    this.#loop = new Loop(DeadLetterRetention.name, INTERVAL_MS, async () => {
      const deleted = await deleteOldDeadLetters(database.manager, RETENTION_MS, BATCH_MAX);
      return deleted === BATCH_MAX;
    });
  }

  onApplicationBootstrap(): void {
    this.#loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#loop.stop();
  }
}
