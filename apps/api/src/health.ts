import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Publisher } from '#kafka/publisher';
import { runChecks, type Health } from '#observability/health';

/** What was found is told to everybody who asks within so long: a flood of probes must not become one of queries. */
const FRESH_MS = 1000;
const CHECK_TIMEOUT_MS = 1000;

/**
 * Whether this process can serve. Outages are local: without Postgres creates are still accepted, without
 * Kafka reads and cancels go on, so only the loss of both makes it useless.
 */
@Injectable()
export class ApiHealth implements OnModuleDestroy {
  #stopping = false;
  #found: { atMs: number; health: Promise<Health> } | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly publisher: Publisher,
  ) {}

  /** The first step of a stop: nobody should send new work here, while what was begun is answered. */
  onModuleDestroy(): void {
    this.#stopping = true;
  }

  /** Alive as long as it can say so: neither outage is cured by a restart. */
  live(): Health {
    return { status: 'ok', details: {} };
  }

  ready(): Promise<Health> {
    if (this.#stopping) {
      const details = { process: { status: 'down', message: 'stopping' } } as const;
      return Promise.resolve({ status: 'error', details });
    }
    const now = performance.now();
    if (this.#found === undefined || now - this.#found.atMs >= FRESH_MS) {
      this.#found = { atMs: now, health: this.#look() };
    }
    return this.#found.health;
  }

  async #look(): Promise<Health> {
    const details = await runChecks(
      {
        kafka: () => this.#checkKafka(),
        postgres: () => this.dataSource.query('SELECT 1'),
      },
      CHECK_TIMEOUT_MS,
    );
    const works = Object.values(details).some(({ status }) => status === 'up');
    return { status: works ? 'ok' : 'error', details };
  }

  async #checkKafka(): Promise<void> {
    if (this.publisher.healthy) return;
    const reason = this.publisher.lastFailure?.error.message ?? 'not connected yet';
    throw new Error(reason);
  }
}
