import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { findHistory } from '#database/action.queries';
import type { ActionRow } from '#database/action-row';
import { cancelAction } from '#database/cancel.queries';
import { countActions, findPage } from '#database/list.queries';
import { inTransaction } from '#database/transaction';
import type { Caller } from '#domain/caller';
import { parseCreateRequest, refusePastTimer } from '#domain/create-request';
import { ApiError, FAILURE_CODES } from '#domain/errors';
import type { Filter, ListQuery, PageEnd } from '#domain/list-query';
import type { SecurityAction } from '#domain/security-action';
import { isTerminal } from '#domain/status';
import { Catalogue } from '#providers/catalogue';
import { type Plan, planOf } from '#providers/resolve';
import type { HistoryEntry } from './history-entry.ts';
import { Presenter } from './presenter.ts';
import { ReadYourWrite } from './read-your-write.ts';

/** A page of actions. */
export interface Page {
  actions: SecurityAction[];
  /** Where the next page begins; null on the last. */
  end: PageEnd | null;
  /** How many the filter selects, if that was asked for. */
  count?: number;
}

/** What the API does with actions that there are: all of it is asked of Postgres. */
@Injectable()
export class SecurityActionsService {
  readonly #catalogue: Catalogue;
  readonly #database: DataSource;
  readonly #readYourWrite: ReadYourWrite;
  readonly #presenter: Presenter;

  constructor(
    catalogue: Catalogue,
    @InjectDataSource() database: DataSource,
    readYourWrite: ReadYourWrite,
    presenter: Presenter,
  ) {
    this.#catalogue = catalogue;
    this.#database = database;
    this.#readYourWrite = readYourWrite;
    this.#presenter = presenter;
  }

  /** @throws ApiError as a create of the same body would */
  validate(body: unknown): Plan {
    const request = parseCreateRequest(body);
    refusePastTimer(request, new Date());
    return planOf(this.#catalogue, request);
  }

  get(caller: Caller, id: string): Promise<ActionRow> {
    return this.#readYourWrite.find(caller, id);
  }

  /** What happened to an action: who, when, what, in which attempt. */
  async history(caller: Caller, id: string): Promise<HistoryEntry[]> {
    const row = await this.#readYourWrite.find(caller, id);
    const events = await findHistory(this.#database.manager, caller.tenantId, row.id);
    return events.map((event) => ({
      sequence: event.sequence,
      dateTime: event.dateTime.toISOString(),
      type: event.type,
      status: event.status,
      attempt: event.attempt,
      attemptId: event.attemptId,
      appId: event.appId,
      user: event.user,
      errorInfo: event.errorInfo,
    }));
  }

  async list(caller: Caller, query: ListQuery & { count: boolean }): Promise<Page> {
    const { manager } = this.#database;
    const { limit } = query;
    // One more than asked for tells whether there is a next page.
    const rows =
      limit === 0 ? [] : await findPage(manager, caller.tenantId, { ...query, limit: limit + 1 });
    const shown = rows.slice(0, limit);
    const last = rows.length > limit ? shown.at(-1) : undefined;
    return {
      actions: shown.map((row) => this.#presenter.resource(row)),
      end: last ? { values: last.orderValues, position: last.position } : null,
      ...(query.count && { count: await this.count(caller, query.filter) }),
    };
  }

  async count(caller: Caller, filter: Filter | null): Promise<number> {
    return countActions(this.#database.manager, caller.tenantId, filter);
  }

  /**
   * Cancels an action, as far as that can still be done.
   * @returns the outcome for the `cancel-outcome` header: `prevented`, no provider will see it; `accepted`, no further
   * call is made, and the action says what became of the earlier one, or that nobody knows; undefined when it was cancelled before
   * @throws ApiError `cannotCancel` while it is with a provider that cannot take it back, `alreadyFinished` once it
   * has ended
   */
  async cancel(caller: Caller, id: string): Promise<'prevented' | 'accepted' | undefined> {
    const row = await this.#readYourWrite.find(caller, id);
    if (!isTerminal(row.status)) {
      const canTakeBack = this.#catalogue.get(row.providerKey)?.capabilities.cancel ?? false;
      const decision = await inTransaction(this.#database, (manager) =>
        cancelAction(manager, caller, row.id, { canTakeBack }),
      );
      if (decision === 'prevented') return 'prevented';
      if (decision === 'requested' || decision === 'stopped') return 'accepted';
    }
    return refuseCancel(await this.#readYourWrite.find(caller, id));
  }
}

/** The answer for an action that could not be cancelled just now. */
function refuseCancel({ status, errorInfo }: ActionRow): undefined {
  if (errorInfo?.code === FAILURE_CODES.cancelled) return undefined;
  if (isTerminal(status)) {
    throw new ApiError('alreadyFinished', `The action has ended already: ${status}.`);
  }
  throw new ApiError('cannotCancel', 'The action is with its provider, which cannot take it back.');
}
