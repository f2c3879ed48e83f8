import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { findHistory } from '#database/action.queries';
import type { ActionRow } from '#database/action-row';
import { cancelAction } from '#database/cancel.queries';
import { countActions, findPage } from '#database/list.queries';
import { inTransaction } from '#database/transaction';
import type { Caller } from '#domain/caller';
import { type CreateCommand, commandKey } from '#domain/command';
import { parseCreateRequest } from '#domain/create-request';
import { ApiError, FAILURE_CODES } from '#domain/errors';
import { newActionId } from '#domain/ids';
import type { Filter, ListQuery, PageEnd } from '#domain/list-query';
import { shownRevert } from '#domain/revert';
import type { SecurityAction } from '#domain/security-action';
import { isTerminal } from '#domain/status';
import { MessageRefused, PublishError } from '#kafka/publish-errors';
import { Publisher } from '#kafka/publisher';
import { Catalogue } from '#providers/catalogue';
import { createCommand } from '#providers/create-command';
import { type Plan, planOf } from '#providers/resolve';
import { ApiMetrics } from '../api-metrics.ts';
import { EarlierRequests } from './earlier-requests.ts';
import type { HistoryEntry } from './history-entry.ts';
import { Presenter } from './presenter.ts';
import { ReadYourWrite } from './read-your-write.ts';

/** Seconds after which a refused create is worth another try: Kafka's outages are seldom shorter. */
const RETRY_AFTER_SECONDS = 2;

/** A page of actions. */
export interface Page {
  actions: SecurityAction[];
  /** Where the next page begins; null on the last. */
  end: PageEnd | null;
  /** How many the filter selects, if that was asked for. */
  count?: number;
}

/** What the API does: creates go to Kafka, everything else to Postgres. */
@Injectable()
export class SecurityActionsService {
  readonly #logger = new Logger(SecurityActionsService.name);
  readonly #catalogue: Catalogue;
  readonly #publisher: Publisher;
  readonly #earlierRequests: EarlierRequests;
  readonly #acceptTimeoutMs: number;
  readonly #database: DataSource;
  readonly #readYourWrite: ReadYourWrite;
  readonly #presenter: Presenter;
  readonly #metrics: ApiMetrics;

  constructor(
    catalogue: Catalogue,
    publisher: Publisher,
    earlierRequests: EarlierRequests,
    settings: Settings,
    @InjectDataSource() database: DataSource,
    readYourWrite: ReadYourWrite,
    presenter: Presenter,
    metrics: ApiMetrics,
  ) {
    this.#catalogue = catalogue;
    this.#publisher = publisher;
    this.#earlierRequests = earlierRequests;
    this.#acceptTimeoutMs = settings.ACCEPT_TIMEOUT_MS;
    this.#database = database;
    this.#readYourWrite = readYourWrite;
    this.#presenter = presenter;
    this.#metrics = metrics;
  }

  /**
   * Accepts an action. When this returns, Kafka holds it on every in-sync replica and it will be run; Postgres is
   * not asked (docs/adr/0001-kafka-first.md).
   * @throws ApiError for a body that is wrong, and `serviceNotAvailable` when it is not known to be accepted
   */
  async create(
    caller: Caller,
    body: unknown,
    clientRequestId: string | null,
  ): Promise<SecurityAction> {
    const deadlineMs = performance.now() + this.#acceptTimeoutMs;
    const earlier = this.#publisher.healthy ? this.#earlierRequests.areCommands() : undefined;
    const command = createCommand(this.#catalogue, {
      caller,
      body,
      clientRequestId,
      idempotencyKey: null,
      isResend: false,
      id: newActionId(),
      acceptedAt: new Date(),
    });
    await earlier;
    await this.#publish(command, deadlineMs);
    this.#metrics.accepted(command);
    return acceptedAction(command);
  }

  /** @throws ApiError as a create of the same body would */
  validate(body: unknown): Plan {
    return planOf(this.#catalogue, parseCreateRequest(body));
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
   * call is made, and what became of the earlier one follows; undefined when it was cancelled before
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

  async #publish(command: CreateCommand, deadlineMs: number): Promise<void> {
    try {
      await this.#publisher.publish({
        topic: 'commands',
        key: commandKey(command),
        value: JSON.stringify(command),
        deadlineMs,
      });
    } catch (error) {
      // Refused for good is our fault, and another try is no remedy: an unexpected error like any other.
      if (!(error instanceof PublishError) || error instanceof MessageRefused) throw error;
      const { id: actionId } = command.action;
      this.#logger.warn({ err: error, fate: error.fate, actionId }, 'create not accepted');
      throw new ApiError(
        'serviceNotAvailable',
        'The action is not known to be accepted: the message log did not confirm it. Retry after the given time.',
        { retryAfterSeconds: RETRY_AFTER_SECONDS },
      );
    }
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

/** The resource as it will be stored: what the 201 shows is what the first GET will. */
function acceptedAction({ action, caller, acceptedDateTime }: CreateCommand): SecurityAction {
  return {
    id: action.id,
    actionReason: action.actionReason,
    appId: caller.appId,
    azureTenantId: caller.tenantId,
    clientContext: action.clientContext,
    completedDateTime: null,
    createdDateTime: acceptedDateTime,
    errorInfo: null,
    lastActionDateTime: acceptedDateTime,
    name: action.name,
    parameters: action.parameters,
    states: [
      {
        appId: caller.appId,
        status: 'NotStarted',
        updatedDateTime: acceptedDateTime,
        user: caller.user,
      },
    ],
    status: 'NotStarted',
    user: caller.user,
    vendorInformation: action.vendorInformation,
    ...action.properties,
    ...shownRevert({
      status: 'NotStarted',
      errorInfo: null,
      completedDateTime: null,
      revertDateTime: action.revertDateTime ? new Date(action.revertDateTime) : null,
      revertAfter: action.revertAfter ?? null,
      revertsActionId: null,
      revertedByActionId: null,
    }),
  };
}
