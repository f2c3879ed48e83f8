import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { Settings } from '#config/settings';
import type { ActionReference } from '#database/action-row';
import { hasKey } from '#database/idempotency-key.queries';
import { type Claim, type ClaimRoom, claimWork } from '#database/claim.queries';
import { shareHoldGuard } from '#database/hold-guard.queries';
import type { InsertedAction } from '#database/ingest.queries';
import type { Alias } from '#database/resend.queries';
import { findOvertaken } from '#database/reverts.queries';
import { lockHeads, promoteHeads, type Target } from '#database/targets.queries';
import { isDataError, isStatementTimeout } from '#database/sqlstate';
import { type Stored, storeCommands } from '#database/store-commands';
import { findStored } from '#database/stored.queries';
import { inTransaction } from '#database/transaction';
import { endAction } from '#database/end-action.queries';
import type { ReadCommand } from '#domain/command';
import { ApiError, FAILURE_CODES } from '#domain/errors';
import { supersededBy } from '#domain/revert';
import { traceIdIn } from '#observability/trace-context';
import { Dispatcher } from '../engine/dispatcher.ts';
import { Executor } from '../engine/executor.ts';
import { Holdings } from '../engine/holdings.ts';
import { WORKER_NAME } from '../engine/worker-name.ts';
import { Relay } from '../events/relay.ts';
import { ActionMetrics } from '../metrics/action-metrics.ts';
import { type Refusal, Together } from './together.ts';

const REFUSED = {
  type: 'failed',
  errorInfo: {
    code: FAILURE_CODES.invalidRequest,
    message: 'The database refused the contents of the action; it was not run.',
    subcode: 0,
  },
  by: null,
} as const;

/** Turns accepted commands into rows, and into running work where there is room. */
@Injectable()
export class Ingest {
  readonly #logger = new Logger(Ingest.name);
  readonly #database: DataSource;
  readonly #holdings: Holdings;
  readonly #executor: Executor;
  readonly #dispatcher: Dispatcher;
  readonly #relay: Relay;
  readonly #metrics: ActionMetrics;
  readonly #leaseMs: number;
  readonly #claimsMax: number;
  readonly #together: Together;

  constructor(
    @InjectDataSource() database: DataSource,
    holdings: Holdings,
    executor: Executor,
    dispatcher: Dispatcher,
    relay: Relay,
    metrics: ActionMetrics,
    settings: Settings,
  ) {
    this.#database = database;
    this.#holdings = holdings;
    this.#executor = executor;
    this.#dispatcher = dispatcher;
    this.#relay = relay;
    this.#metrics = metrics;
    this.#leaseMs = settings.LEASE_MS;
    this.#claimsMax = Math.ceil(settings.CALLS_IN_FLIGHT_MAX / 4);
    this.#together = new Together(settings.INGEST_BATCH_MAX, (all) => this.#storeTogether(all));
  }

  /**
   * Stores a batch, in log order, once: what is stored already changes nothing.
   * @returns the commands that Postgres refused for their contents: stored as Failed, without what they contain. And those
   * whose idempotency key stands for an action that had been deleted. All others are stored as they are when this returns.
   * @throws when Postgres cannot do it now: nothing, or a first part, is stored, and the batch is to come again
   */
  async store(commands: ReadCommand[]): Promise<Refusal[]> {
    const refusals = await this.#together.add(commands);
    this.#relay.loop.wake();
    return refusals;
  }

  async #storeTogether(commands: ReadCommand[]): Promise<Refusal[]> {
    const fresh = new Set<string>();
    const refusals = await this.#storeOrSplit(foldRepeats(commands), fresh);
    const repeats = commands.filter((command) => hasKey(command) && !fresh.has(keyOf(command)));
    return [...refusals, ...(await this.#ofDeleted(repeats))];
  }

  /**
   * Nobody who repeats a create on Kafka is answered, and what was deleted is not made again. By the time of acceptance: what
   * was sent before the deletion and only comes again is no news.
   */
  async #ofDeleted(repeats: ReadCommand[]): Promise<Refusal[]> {
    const stored = await findStored(this.#database.manager, repeats.map(referenceOf));
    const byKey = new Map(stored.map((action) => [keyOfReference(action), action]));
    return repeats.flatMap((command) => {
      const deletedAt = byKey.get(keyOf(command))?.deletedDateTime;
      if (!deletedAt || Date.parse(command.acceptedDateTime) <= deletedAt.getTime()) return [];
      return [{ command, error: actionDeleted(command) }];
    });
  }

  /** Halves a batch that is refused, until the poison stands alone, or is too much to store at once. */
  async #storeOrSplit(commands: ReadCommand[], fresh: Set<string>): Promise<Refusal[]> {
    const [first] = commands;
    if (!first) return [];
    try {
      await this.#storeAll(commands, fresh);
      return [];
    } catch (error) {
      const isTooMuch = isStatementTimeout(error) && commands.length > 1;
      if (!isDataError(error) && !isTooMuch) throw error;
      if (commands.length === 1) {
        this.#logger.error({ ...idsOf(first), err: error }, 'command refused');
        await this.#storeRefused(first);
        return [{ command: first, error: error as Error }];
      }
      const middle = commands.length >> 1;
      return [
        ...(await this.#storeOrSplit(commands.slice(0, middle), fresh)),
        ...(await this.#storeOrSplit(commands.slice(middle), fresh)),
      ];
    }
  }

  /** Its caller was told 201: so there is a row, and the row says what became of it. */
  async #storeRefused(command: ReadCommand): Promise<void> {
    const bare = withoutContents(command);
    try {
      await inTransaction(this.#database, async (manager) => {
        const { actions } = await storeCommands(manager, [bare]);
        for (const action of actions) await endAction(manager, action, REFUSED);
      });
    } catch (error) {
      // Not even that: the dead letter is all there will be, and the partition must go on.
      if (!isDataError(error)) throw error;
      this.#logger.error({ ...idsOf(command), err: error }, 'not even a bare row');
    }
  }

  /** @param fresh gets the keys of what was not stored before */
  async #storeAll(commands: ReadCommand[], fresh: Set<string>): Promise<void> {
    const lease = { owner: WORKER_NAME, leaseMs: this.#leaseMs };
    // Not all the room there is: while this waits for a lock, others must be able to claim.
    const limit = Math.min(commands.length, this.#claimsMax);
    let stored: Stored = { actions: [], aliases: [] };
    const held = await this.#holdings.claim(limit, (room) =>
      inTransaction(this.#database, async (manager) => {
        await shareHoldGuard(manager);
        stored = await storeCommands(manager, commands, { room, lease });
        const { actions } = stored;
        const started = actions.flatMap(({ claim }) => claim ?? []);
        if (started.length === actions.length) return started;
        const targets = actions.filter(
          (action): action is typeof action & Target => !action.ready && action.targetKey !== null,
        );
        await lockHeads(manager, targets);
        await failOvertaken(manager, actions);
        await promoteHeads(manager, targets);
        const rest = roomBeside(started, room);
        if (rest.byProvider.size === 0) return started;
        return [...started, ...(await claimWork(manager, rest, lease))];
      }),
    );
    this.#executor.start(held);
    if (stored.actions.some(({ claim }) => claim === null)) this.#dispatcher.noteWaiting();
    for (const action of stored.actions) fresh.add(keyOfReference(action));
    this.#noteResends(stored.aliases);
  }

  #noteResends(resends: Alias[]): void {
    for (const { command, actionId } of resends) {
      this.#metrics.resent(command.provider);
      this.#logger.log({ actionId, aliasId: command.action.id }, 'another sending of an action');
    }
  }
}

/** The room that is left once these have taken their places. */
function roomBeside(claims: Claim[], room: ClaimRoom): ClaimRoom {
  const byProvider = new Map(room.byProvider);
  for (const { providerKey } of claims) {
    const places = byProvider.get(providerKey)! - 1;
    if (places > 0) byProvider.set(providerKey, places);
    else byProvider.delete(providerKey);
  }
  const total = room.total - claims.length;
  return { ...room, byProvider: total > 0 ? byProvider : new Map(), total };
}

/** A timed revert must not undo what was accepted before it and after the action that it was made for. */
async function failOvertaken(manager: EntityManager, inserted: InsertedAction[]): Promise<void> {
  const reverts = inserted.filter(({ revertsActionId }) => revertsActionId !== null);
  for (const { newer, ...revert } of await findOvertaken(manager, reverts)) {
    await endAction(manager, revert, { type: 'failed', errorInfo: supersededBy(newer), by: null });
  }
}

/** By what log lines about a command are found. */
export function idsOf({ action, traceparent }: ReadCommand) {
  return { actionId: action.id, traceId: traceIdIn(traceparent) };
}

/** What identifies the action and its caller, and nothing that the caller wrote beyond the names. */
function withoutContents(command: ReadCommand): ReadCommand {
  const { id, name } = command.action;
  const storable = (text: string) => text.replaceAll('\u0000', '').toWellFormed();
  return {
    ...command,
    caller: {
      ...command.caller,
      user: command.caller.user && storable(command.caller.user),
    },
    clientRequestId: null,
    targetKey: null,
    provider: {
      key: storable(command.provider.key),
      action: storable(command.provider.action),
    },
    action: {
      id,
      name: storable(name),
      vendorInformation: { provider: null, providerVersion: null, subProvider: null, vendor: null },
      actionReason: null,
      clientContext: null,
      parameters: [],
      properties: {},
      revertsActionId: command.action.revertsActionId,
    },
  };
}

/** The first of several commands with one id counts: what a producer repeats it must not change. */
function foldRepeats(commands: ReadCommand[]): ReadCommand[] {
  const byKey = new Map<string, ReadCommand>();
  for (const command of commands) {
    const key = keyOf(command);
    if (!byKey.has(key)) byKey.set(key, command);
  }
  return [...byKey.values()];
}

function referenceOf({ caller, action }: ReadCommand): ActionReference {
  return { azureTenantId: caller.tenantId, actionId: action.id };
}

function keyOf(command: ReadCommand): string {
  return keyOfReference(referenceOf(command));
}

/** An id says nothing beyond its tenant. */
function keyOfReference({ azureTenantId, actionId }: ActionReference): string {
  return `${azureTenantId}\n${actionId}`;
}

function actionDeleted({ action }: ReadCommand): ApiError {
  return new ApiError(
    'idempotencyKeyReuse',
    `The action ${action.id}, which its idempotency key stands for, has been deleted. Nothing was created. Choose another key.`,
  );
}
