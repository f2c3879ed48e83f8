import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { BatchStrategy } from '#kafka/batch-strategy';
import { type Health, runChecks } from '#observability/health';

const CHECK_TIMEOUT_MS = 1000;

/** Whether the worker works: it needs both Kafka and Postgres, but an outage of either is no reason to restart. */
@Injectable()
export class WorkerHealth {
  readonly #database: DataSource;

  constructor(@InjectDataSource() database: DataSource) {
    this.#database = database;
  }

  /** Alive while its consumer goes round; a consumer that ended for good never comes back by itself. */
  live({ alive }: BatchStrategy): Health {
    const consumer = alive
      ? { status: 'up' as const }
      : { status: 'down' as const, message: 'the consumer does not go round' };
    return { status: alive ? 'ok' : 'error', details: { consumer } };
  }

  async ready({ joined }: BatchStrategy): Promise<Health> {
    const details = await runChecks(
      {
        kafka: async () => {
          if (!joined) throw new Error('not a member of the consumer group');
        },
        postgres: () => this.#database.query('SELECT 1'),
      },
      CHECK_TIMEOUT_MS,
    );
    const works = Object.values(details).every(({ status }) => status === 'up');
    return { status: works ? 'ok' : 'error', details };
  }
}
