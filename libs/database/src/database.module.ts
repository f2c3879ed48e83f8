import {
  type DynamicModule,
  Inject,
  Logger,
  Module,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';
import pRetry from 'p-retry';
import type { DataSource } from 'typeorm';
import type { Settings } from '#config/settings';
import { type PoolOptions, dataSourceOptions } from './data-source.ts';

/** A pool beside the main one, for what must not wait behind the rest: the worker's leases, the API's emergency stop. */
export const LIFELINE = 'lifeline';

/** Another, for look-ups that have no time to wait: those of idempotency keys. */
export const KEY_LOOK_UPS = 'key look-ups';

const DATA_SOURCES = Symbol('DATA_SOURCES');

/**
 * Connects in the background, again and again until it works: a process must start, and do what it can, while
 * Postgres is away. Until then queries fail as in any other outage.
 */
class DatabaseConnector implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger('Database');
  readonly #stop = new AbortController();
  readonly #dataSources: DataSource[];
  #connected: Promise<unknown> | undefined;

  constructor(@Inject(DATA_SOURCES) dataSources: DataSource[]) {
    this.#dataSources = dataSources;
  }

  /** Waits for the first try only: when Postgres is there, nothing starts before it is connected. */
  async onModuleInit(): Promise<void> {
    const { promise: tried, resolve } = Promise.withResolvers<void>();
    this.#connected = Promise.all(
      this.#dataSources.map((dataSource) => this.#connect(dataSource, resolve)),
    );
    await Promise.race([tried, this.#connected]);
  }

  async onModuleDestroy(): Promise<void> {
    this.#stop.abort();
    await this.#connected;
  }

  async #connect(dataSource: DataSource, onFailedTry: () => void): Promise<void> {
    try {
      await pRetry(() => dataSource.initialize(), {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: 200,
        maxTimeout: 2000,
        signal: this.#stop.signal,
        onFailedAttempt: ({ error, attemptNumber }) => {
          onFailedTry();
          if (attemptNumber === 1) this.#logger.warn(`Postgres is away: ${error.message}`);
        },
      });
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#logger.error(error);
    }
  }
}

/** The pools of one process: the unnamed one, and those named. */
@Module({})
// oxlint-disable-next-line typescript/no-extraneous-class -- Nest's form of a module
export class DatabaseModule {
  static with(settings: Settings, pools: (PoolOptions & { name?: string })[]): DynamicModule {
    return {
      module: DatabaseModule,
      imports: pools.map(({ name, ...pool }) =>
        TypeOrmModule.forRoot({
          ...dataSourceOptions(settings, pool),
          ...(name !== undefined && { name }),
          manualInitialization: true,
        }),
      ),
      providers: [
        {
          provide: DATA_SOURCES,
          useFactory: (...dataSources: DataSource[]) => dataSources,
          inject: pools.map(({ name }) => getDataSourceToken(name)),
        },
        DatabaseConnector,
      ],
    };
  }
}
