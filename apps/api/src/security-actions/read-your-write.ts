import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { findAction } from '#database/action.queries';
import type { ActionRow } from '#database/action-row';
import type { Caller } from '#domain/caller';
import { ApiError } from '#domain/errors';
import { isActionId } from '#domain/ids';
import { ProjectionProgress } from '#kafka/projection-progress';

/**
 * Finds an action, also one whose create was answered a moment ago: what is not in Postgres may be on its way, so a
 * missing id is only called missing once the worker has caught up with what Kafka held when the request came.
 */
@Injectable()
export class ReadYourWrite {
  readonly #database: DataSource;
  readonly #progress: ProjectionProgress;
  readonly #settings: Settings;
  readonly #waitersByApp = new Map<string, number>();
  #waiters = 0;

  constructor(
    @InjectDataSource() database: DataSource,
    progress: ProjectionProgress,
    settings: Settings,
  ) {
    this.#database = database;
    this.#progress = progress;
    this.#settings = settings;
  }

  /**
   * @throws ApiError `itemNotFound` for a missing id and for another tenant's alike; `notYetVisible` when it
   * cannot be told in READ_WAIT_MS, or too many wait already
   */
  async find(caller: Caller, id: string): Promise<ActionRow> {
    if (!isActionId(id)) throw new ApiError('itemNotFound');
    const { manager } = this.#database;
    const row = await findAction(manager, caller.tenantId, id);
    if (row) return row;
    await this.#waitAsOneOfFew(caller);
    const late = await findAction(manager, caller.tenantId, id);
    if (late) return late;
    throw new ApiError('itemNotFound');
  }

  async #waitAsOneOfFew(caller: Caller): Promise<void> {
    const app = `${caller.tenantId}\n${caller.appId}`;
    const waitersOfApp = this.#waitersByApp.get(app) ?? 0;
    const { READ_WAITERS_MAX, READ_WAITERS_PER_APP_MAX, READ_WAIT_MS } = this.#settings;
    if (this.#waiters >= READ_WAITERS_MAX || waitersOfApp >= READ_WAITERS_PER_APP_MAX) {
      throw notYetVisible();
    }
    this.#waiters += 1;
    this.#waitersByApp.set(app, waitersOfApp + 1);
    try {
      const reached = await this.#progress.waitUntilProjected(performance.now() + READ_WAIT_MS);
      if (reached !== 'reached') throw notYetVisible();
    } finally {
      this.#waiters -= 1;
      const left = this.#waitersByApp.get(app)! - 1;
      if (left > 0) this.#waitersByApp.set(app, left);
      else this.#waitersByApp.delete(app);
    }
  }
}

function notYetVisible(): ApiError {
  return new ApiError('notYetVisible', undefined, { retryAfterSeconds: 1 });
}
