import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '#config/settings';
import type { Caller } from '#domain/caller';
import { type CreateCommand, commandKey } from '#domain/command';
import { type CreateRequest, isTimerAhead, parseCreateRequest } from '#domain/create-request';
import { ApiError } from '#domain/errors';
import { keyedActionId } from '#domain/idempotency';
import { newActionId } from '#domain/ids';
import { isoText } from '#domain/iso-text';
import { shownRevert } from '#domain/revert';
import type { SecurityAction } from '#domain/security-action';
import { MessageRefused, PublishError } from '#kafka/publish-errors';
import { Publisher } from '#kafka/publisher';
import { Catalogue } from '#providers/catalogue';
import { createCommand } from '#providers/create-command';
import { ApiMetrics } from '../api-metrics.ts';
import { EarlierRequests } from './earlier-requests.ts';
import { IdempotencyKeys } from './idempotency-keys.ts';
import { Presenter } from './presenter.ts';

/** Seconds after which a refused create is worth another try: Kafka's outages are seldom shorter. */
const RETRY_AFTER_SECONDS = 2;

/** What a create says of itself in its headers. */
export interface CreateHeaders {
  clientRequestId: string | null;
  idempotencyKey: string | null;
  /** The client says that it has sent it before. */
  isResend: boolean;
}

/** What a create has come to. */
export interface Created {
  action: SecurityAction;
  /** It had come before: this is the action as it stands, and nothing was created. */
  replayed: boolean;
}

/** Accepts actions: they go to Kafka. */
@Injectable()
export class CreatesService {
  readonly #logger = new Logger(CreatesService.name);
  readonly #catalogue: Catalogue;
  readonly #publisher: Publisher;
  readonly #earlierRequests: EarlierRequests;
  readonly #keys: IdempotencyKeys;
  readonly #presenter: Presenter;
  readonly #metrics: ApiMetrics;
  readonly #acceptTimeoutMs: number;

  constructor(
    catalogue: Catalogue,
    publisher: Publisher,
    earlierRequests: EarlierRequests,
    keys: IdempotencyKeys,
    presenter: Presenter,
    metrics: ApiMetrics,
    settings: Settings,
  ) {
    this.#catalogue = catalogue;
    this.#publisher = publisher;
    this.#earlierRequests = earlierRequests;
    this.#keys = keys;
    this.#presenter = presenter;
    this.#metrics = metrics;
    this.#acceptTimeoutMs = settings.ACCEPT_TIMEOUT_MS;
  }

  /**
   * Accepts an action. When this returns, Kafka holds it on every in-sync replica and it will be run; Postgres is
   * asked only what an idempotency key stands for, for KEY_LOOKUP_MS at most (docs/adr/0001-kafka-first.md).
   * With a timer that has passed it can only be a repeat: what was accepted is waited for, READ_WAIT_MS.
   * @throws ApiError for a body that is wrong; `idempotencyKeyReuse`; `notYetVisible` when it cannot be told whether it is
   * such a repeat; `serviceNotAvailable` when it is not known to be accepted
   */
  async create(caller: Caller, body: unknown, headers: CreateHeaders): Promise<Created> {
    const receivedDateTime = isoText(new Date());
    const deadlineMs = performance.now() + this.#acceptTimeoutMs;
    const { idempotencyKey } = headers;
    const request = parseCreateRequest(body);
    const id =
      idempotencyKey === null ? newActionId() : keyedActionId(caller, idempotencyKey, request);
    // Before it is held against the clock and the catalogue: these have changed since.
    const replayed =
      idempotencyKey && (await this.#findReplayed(caller, idempotencyKey, { id, request }));
    if (replayed) return { action: replayed, replayed: true };
    const earlier = this.#publisher.healthy ? this.#earlierRequests.areCommands() : undefined;
    const acceptedAt = new Date();
    const checked = createCommand(this.#catalogue, { ...headers, caller, request, id, acceptedAt });
    await earlier;
    // Not older than what it has waited for.
    const command = { ...checked, receivedDateTime, acceptedDateTime: isoText(new Date()) };
    await this.#publish(command, deadlineMs);
    if (idempotencyKey) this.#keys.remember(caller, idempotencyKey, id);
    this.#metrics.accepted(command);
    return { action: acceptedAction(command), replayed: false };
  }

  async #findReplayed(
    caller: Caller,
    idempotencyKey: string,
    { id, request }: { id: string; request: CreateRequest },
  ): Promise<SecurityAction | undefined> {
    const row = isTimerAhead(request, new Date())
      ? await this.#keys.find(caller, idempotencyKey, id)
      : await this.#keys.findOnItsWay(caller, idempotencyKey, id);
    if (!row) return undefined;
    this.#metrics.replayed(row);
    return this.#presenter.resource(row);
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

/** The resource as it is stored if it is an action of its own. */
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
