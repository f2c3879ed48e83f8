import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { hasStatistics, keepPlans } from '#database/prepared';
import { Loop } from './loop.ts';

/**
 * A look costs next to nothing. Postgres analyzes a new table within a minute of its first fifty rows; while there are fewer,
 * nobody waits for a plan.
 */
const INTERVAL_MS = 1000;

/** Has the statements of the hot path prepared, as soon as Postgres can plan them well. */
@Injectable()
export class PlanKeeper implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #loop: Loop;

  constructor(@InjectDataSource() database: DataSource) {
    this.#loop = new Loop(PlanKeeper.name, INTERVAL_MS, async () => {
      if (await hasStatistics(database.manager)) {
        keepPlans();
        // Not awaited: it waits for this step.
        this.#loop.stop().catch(() => undefined);
      }
      return false;
    });
  }

  onApplicationBootstrap(): void {
    this.#loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#loop.stop();
  }
}
