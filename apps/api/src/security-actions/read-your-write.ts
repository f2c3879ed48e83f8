import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { type FoundAction, findAction, findActions } from '#database/action.queries';
import type { ActionReference, ActionRow } from '#database/action-row';
import type { Caller } from '#domain/caller';
import { ApiError } from '#domain/errors';
import { isActionId } from '#domain/ids';
import { ShortLivedMap } from '#domain/short-lived';
import { ProjectionProgress } from '#kafka/projection-progress';

/** Where to look, when not among all of the caller's own tenant. */
interface Scope {
  tenantId?: string;
  mayKnow?: (row: ActionRow) => boolean;
}

/** A query that is about to be sent, and what it will ask for. */
interface LookUp {
  references: ActionReference[];
  found: Promise<FoundAction[]>;
}

/**
 * Finds an action, also one whose create was answered a moment ago: what is not in Postgres may be on its way, so a
 * missing id is only called missing once the worker has caught up with what Kafka held when the request came.
 */
@Injectable()
export class ReadYourWrite {
  readonly #database: DataSource;
  readonly #progress: ProjectionProgress;
  readonly #settings: Settings;
  readonly #waitersByApp = new ShortLivedMap<string, number>();
  #waiters = 0;
  #late: LookUp | undefined;

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
   * An action of the caller's tenant, by its id or an alias, or of another one as far as the caller may know it. What the caller may not
   * know is waited for like what is missing, on the caller's account: neither time nor status tells them apart.
   * @throws ApiError `itemNotFound` for a missing id and for another tenant's alike; `notYetVisible` when it
   * cannot be told in READ_WAIT_MS, or too many wait already
   */
  async find(caller: Caller, id: string, scope: Scope = {}): Promise<ActionRow> {
    if (!isActionId(id)) throw new ApiError('itemNotFound');
    const { tenantId = caller.tenantId, mayKnow = () => true } = scope;
    const reference = { azureTenantId: tenantId, actionId: id.toLowerCase() };
    const row = await findAction(this.#database.manager, tenantId, reference.actionId);
    if (row && mayKnow(row)) return row;
    await this.#waitAsOneOfFew(`${caller.tenantId}\n${caller.appId}`);
    const late = await this.#findLate(reference);
    if (late && mayKnow(late)) return late;
    throw new ApiError('itemNotFound');
  }

  /** Waiters are let go many at a time: one query serves all of them. */
  async #findLate(reference: ActionReference): Promise<ActionRow | undefined> {
    this.#late ??= this.#nextLookUp();
    this.#late.references.push(reference);
    const found = await this.#late.found;
    return found.find(
      ({ askedFor }) =>
        askedFor.azureTenantId === reference.azureTenantId &&
        askedFor.actionId === reference.actionId,
    )?.row;
  }

  #nextLookUp(): LookUp {
    const references: ActionReference[] = [];
    const found = new Promise((resolve) => setImmediate(resolve)).then(() => {
      this.#late = undefined;
      return findActions(this.#database.manager, references);
    });
    return { references, found };
  }

  async #waitAsOneOfFew(app: string): Promise<void> {
    const waitersOfApp = this.#waitersByApp.get(app) ?? 0;
    const { READ_WAITERS_MAX, READ_WAITERS_PER_APP_MAX, READ_WAIT_MS } = this.#settings;
    if (this.#waiters >= READ_WAITERS_MAX || waitersOfApp >= READ_WAITERS_PER_APP_MAX) {
      throw notYetVisible();
    }
    this.#waiters += 1;
    this.#waitersByApp.set(app, waitersOfApp + 1);
    try {
      const reached = await this.#progress.waitUntilPassed(performance.now() + READ_WAIT_MS);
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
