import { setTimeout as delay } from 'node:timers/promises';
import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { removeOldActions } from '#database/remove-old-actions';
import { type Slice, findNextTenant, findOldSlice } from '#database/retention.queries';
import { inTransaction } from '#database/transaction';
import { removalAgeMs } from '#domain/retention';
import { Loop } from '../process/loop.ts';
import { ActionMetrics } from '../metrics/action-metrics.ts';

/** From the end of a walk to the next: what becomes old meanwhile can wait. */
const INTERVAL_MS = 600_000;
/** Actions of one step: some 50 ms, in which nothing waits for it. */
const SLICE_MAX = 500;
/** After a step it rests so many times as long as the step took: at most a quarter of one connection, less when Postgres is slow. */
const REST_FACTOR = 3;

const START = { azureTenantId: '', position: '0' };

/**
 * Removes actions that are older than RETENTION_DAYS, if that is set: walks the old ones of each tenant, a slice at a time,
 * and takes those that may go. Every worker does; what another one has locked is passed over.
 */
@Injectable()
export class ActionRetention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #logger = new Logger(ActionRetention.name);
  readonly #database: DataSource;
  readonly #metrics: ActionMetrics;
  readonly #retentionDays: number;
  readonly #loop: Loop;
  readonly #stopping = new AbortController();
  /** How far the walk has come. */
  #reached = START;
  #removed = 0;

  constructor(
    @InjectDataSource() database: DataSource,
    metrics: ActionMetrics,
    settings: Settings,
  ) {
    this.#database = database;
    this.#metrics = metrics;
    this.#retentionDays = settings.RETENTION_DAYS;
    this.#loop = new Loop(ActionRetention.name, INTERVAL_MS, () => this.#step());
  }

  onApplicationBootstrap(): void {
    if (this.#retentionDays > 0) this.#loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#stopping.abort();
    await this.#loop.stop();
  }

  async #step(): Promise<boolean> {
    const beganAtMs = performance.now();
    const isUnderWay = await this.#goOn();
    if (!isUnderWay) {
      this.#end();
      return false;
    }
    const restMs = (performance.now() - beganAtMs) * REST_FACTOR;
    await delay(restMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    return true;
  }

  /** @returns false once the walk has come to its end */
  async #goOn(): Promise<boolean> {
    const { azureTenantId, position } = this.#reached;
    const ageMs = removalAgeMs(this.#retentionDays);
    const slice = await findOldSlice(this.#database.manager, azureTenantId, {
      after: position,
      ageMs,
      limit: SLICE_MAX,
    });
    if (slice) {
      await this.#remove(slice, ageMs);
      return true;
    }
    const next = await findNextTenant(this.#database.manager, azureTenantId);
    if (next === undefined) return false;
    this.#reached = { ...START, azureTenantId: next };
    return true;
  }

  async #remove(slice: Slice, ageMs: number): Promise<void> {
    // First: a slice that cannot be removed now must not keep the walk from the others.
    this.#reached = { azureTenantId: slice.azureTenantId, position: slice.to };
    const removed = await inTransaction(this.#database, (manager) =>
      removeOldActions(manager, slice, ageMs),
    );
    this.#removed += removed;
    this.#metrics.removed(removed);
  }

  #end(): void {
    if (this.#removed > 0) {
      this.#logger.log(
        { actions: this.#removed },
        'old actions removed with their history, as RETENTION_DAYS says',
      );
    }
    this.#reached = START;
    this.#removed = 0;
  }
}
