import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { Settings } from '#config/settings';
import { claimWork } from '#database/claim.queries';
import type { InsertedAction } from '#database/ingest.queries';
import type { Alias } from '#database/resend.queries';
import { findOvertaken } from '#database/reverts.queries';
import { lockHeads, promoteHeads, type Target } from '#database/targets.queries';
import { isDataError, isStatementTimeout } from '#database/sqlstate';
import { storeCommands } from '#database/store-commands';
import { inTransaction } from '#database/transaction';
import { endAction } from '#database/end-action.queries';
import type { ReadCommand } from '#domain/command';
import { FAILURE_CODES } from '#domain/errors';
import { supersededBy } from '#domain/revert';
import { traceIdIn } from '#observability/trace-context';
import { Dispatcher } from '../engine/dispatcher.ts';
import { Executor } from '../engine/executor.ts';
import { Holdings } from '../engine/holdings.ts';
import { WORKER_NAME } from '../engine/worker-name.ts';
import { Relay } from '../events/relay.ts';
import { ActionMetrics } from '../metrics/action-metrics.ts';

/** A command that Postgres refused for what it contains. */
export interface Refusal {
  command: ReadCommand;
  error: Error;
}

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
  }

  /**
   * Stores a batch, in log order, once: what is stored already changes nothing.
   * @returns the commands that Postgres refused for their contents: stored as Failed, without what they contain.
   * All others are stored as they are when this returns.
   * @throws when Postgres cannot do it now: nothing, or a first part, is stored, and the batch is to come again
   */
  async store(commands: ReadCommand[]): Promise<Refusal[]> {
    const refusals = await this.#storeOrSplit(foldRepeats(commands));
    this.#dispatcher.loop.wake();
    this.#relay.loop.wake();
    return refusals;
  }

  /** Halves a batch that is refused, until the poison stands alone, or is too much to store at once. */
  async #storeOrSplit(commands: ReadCommand[]): Promise<Refusal[]> {
    const [first] = commands;
    if (!first) return [];
    try {
      await this.#storeAll(commands);
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
        ...(await this.#storeOrSplit(commands.slice(0, middle))),
        ...(await this.#storeOrSplit(commands.slice(middle))),
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

  async #storeAll(commands: ReadCommand[]): Promise<void> {
    const lease = { owner: WORKER_NAME, leaseMs: this.#leaseMs };
    // Not all the room there is: while this waits for a lock, others must be able to claim.
    const limit = Math.min(commands.length, this.#claimsMax);
    let resends: Alias[] = [];
    const held = await this.#holdings.claim(limit, (room) =>
      inTransaction(this.#database, async (manager) => {
        const { actions, aliases } = await storeCommands(manager, commands);
        resends = aliases;
        const targets = actions.filter(
          (action): action is typeof action & Target => action.targetKey !== null,
        );
        await lockHeads(manager, targets);
        await failOvertaken(manager, actions);
        await promoteHeads(manager, targets);
        if (actions.length === 0 || room.byProvider.size === 0) return [];
        return claimWork(manager, room, lease);
      }),
    );
    this.#executor.start(held);
    this.#noteResends(resends);
  }

  #noteResends(resends: Alias[]): void {
    for (const { command, actionId } of resends) {
      this.#metrics.resent(command.provider);
      this.#logger.log({ actionId, aliasId: command.action.id }, 'another sending of an action');
    }
  }
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
  const byId = new Map<string, ReadCommand>();
  for (const command of commands) {
    const id = `${command.caller.tenantId}\n${command.action.id}`;
    if (!byId.has(id)) byId.set(id, command);
  }
  return [...byId.values()];
}
