import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { type ActionReference, keyOfAction } from '#database/action-row';
import { hasKey } from '#database/idempotency-key.queries';
import type { Claim, ClaimLease, ClaimRoom } from '#database/claim.queries';
import type { Alias } from '#database/resend.queries';
import { isDataError, isStartedUnderHold, isStatementTimeout } from '#database/sqlstate';
import { type Stored, storeCommands } from '#database/store-commands';
import { findStored } from '#database/stored.queries';
import { inTransaction } from '#database/transaction';
import { endAction } from '#database/end-action.queries';
import type { ReadCommand } from '#domain/command';
import { ApiError, FAILURE_CODES } from '#domain/errors';
import { traceIdIn } from '#observability/trace-context';
import { Dispatcher } from '../engine/dispatcher.ts';
import { Executor } from '../engine/executor.ts';
import { Holdings } from '../engine/holdings.ts';
import { WORKER_NAME } from '../process/worker-name.ts';
import { Relay } from '../events/relay.ts';
import { ActionMetrics } from '../metrics/action-metrics.ts';
import { AtOnce } from './at-once.ts';
import { startStored } from './start-stored.ts';
import { type Refusal, Together } from './together.ts';
import { withoutContents } from './without-contents.ts';

const REFUSED = {
  type: 'failed',
  errorInfo: {
    code: FAILURE_CODES.invalidRequest,
    message: 'The database refused the contents of the action; it was not run.',
    subcode: 0,
  },
  by: null,
} as const;

/** What a transaction has done. */
interface StoredAndStarted {
  stored: Stored;
  claims: Claim[];
}

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
  readonly #lease: ClaimLease;
  readonly #atOnce: AtOnce;
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
    this.#lease = { owner: WORKER_NAME, leaseMs: settings.LEASE_MS };
    this.#atOnce = new AtOnce(database, this.#lease);
    this.#together = new Together(settings.INGEST_BATCH_MAX, (all, isShared) =>
      this.#storeTogether(all, isShared),
    );
  }

  /**
   * Stores a batch, in log order, once: what is stored already changes nothing.
   * @returns the commands that Postgres refused for their contents: stored as Failed, without what they contain. And those
   * whose idempotency key stands for an action that had been deleted. All others are stored as they are when this returns.
   * @throws when Postgres cannot do it now: nothing, or a first part, is stored, and the batch is to come again
   */
  async store(commands: ReadCommand[]): Promise<Refusal[]> {
    return this.#together.add(commands);
  }

  async #storeTogether(commands: ReadCommand[], isShared: boolean): Promise<Refusal[]> {
    const fresh = new Set<string>();
    const refusals = await this.#storeOrSplit(foldRepeats(commands), fresh, isShared);
    const repeats = commands.filter((command) => hasKey(command) && !fresh.has(keyOf(command)));
    return [...refusals, ...(await this.#ofDeleted(repeats))];
  }

  /**
   * Nobody who repeats a create on Kafka is answered, and what was deleted is not made again. By the time of acceptance: what
   * was sent before the deletion and only comes again is no news.
   */
  async #ofDeleted(repeats: ReadCommand[]): Promise<Refusal[]> {
    const stored = await findStored(this.#database.manager, repeats.map(referenceOf));
    const byKey = new Map(stored.map((action) => [keyOfAction(action), action]));
    return repeats.flatMap((command) => {
      const deletedAt = byKey.get(keyOf(command))?.deletedDateTime;
      if (!deletedAt || Date.parse(command.acceptedDateTime) <= deletedAt.getTime()) return [];
      return [{ command, error: actionDeleted(command) }];
    });
  }

  /** Halves a batch that is refused, until the poison stands alone, or is too much to store at once. */
  async #storeOrSplit(
    commands: ReadCommand[],
    fresh: Set<string>,
    isShared: boolean,
  ): Promise<Refusal[]> {
    const [first] = commands;
    if (!first) return [];
    try {
      await this.#storeAll(commands, fresh);
      return [];
    } catch (error) {
      const isTooMuch = isStatementTimeout(error) && commands.length > 1 && !isShared;
      if (!isDataError(error) && !isTooMuch) throw error;
      if (commands.length === 1) {
        this.#logger.error({ ...idsOf(first), err: error }, 'command refused');
        await this.#storeRefused(first);
        return [{ command: first, error: error as Error }];
      }
      const middle = commands.length >> 1;
      return [
        ...(await this.#storeOrSplit(commands.slice(0, middle), fresh, isShared)),
        ...(await this.#storeOrSplit(commands.slice(middle), fresh, isShared)),
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
      this.#relay.noteMore();
    } catch (error) {
      // Not even that: the dead letter is all there will be, and the partition must go on.
      if (!isDataError(error)) throw error;
      this.#logger.error({ ...idsOf(command), err: error }, 'not even a bare row');
    }
  }

  /** @param fresh gets the keys of what was not stored before */
  async #storeAll(commands: ReadCommand[], fresh: Set<string>): Promise<void> {
    let stored: Stored = { actions: [], aliases: [] };
    this.#relay.expectStarts(commands);
    try {
      const total = Math.min(commands.length, this.#holdings.claimsMax);
      const wanted = { total, byProvider: countByProvider(commands) };
      const held = await this.#holdings.claim(wanted, async (room) => {
        const outcome = await this.#storeAndStart(commands, room);
        ({ stored } = outcome);
        this.#relay.noteStarted(stored.actions);
        return outcome.claims;
      });
      this.#executor.start(held);
    } finally {
      this.#relay.expectNoMore(commands);
      // Room that was kept and not used: somebody may have looked for it in vain.
      this.#executor.onRoom(0);
    }
    if (stored.actions.some(({ claim }) => claim === null)) this.#dispatcher.noteWaiting();
    for (const action of stored.actions) fresh.add(keyOfAction(action));
    this.#noteResends(stored.aliases);
  }

  async #storeAndStart(commands: ReadCommand[], room: ClaimRoom): Promise<StoredAndStarted> {
    const actions = await this.#atOnce.store(commands, room);
    if (actions.length > 0) {
      const claims = actions.flatMap(({ claim }) => claim ?? []);
      return { stored: { actions, aliases: [] }, claims };
    }
    try {
      return await this.#inSteps(commands, room, true);
    } catch (error) {
      if (!isStartedUnderHold(error)) throw error;
      // A hold came while what it covers was being stored: it must not start.
      return this.#inSteps(commands, room, false);
    }
  }

  async #inSteps(
    commands: ReadCommand[],
    room: ClaimRoom,
    mayStart: boolean,
  ): Promise<StoredAndStarted> {
    return inTransaction(this.#database, async (manager) => {
      const offer = mayStart ? { room, lease: this.#lease } : undefined;
      const stored = await storeCommands(manager, commands, offer);
      return { stored, claims: await startStored(manager, stored.actions, room, this.#lease) };
    });
  }

  #noteResends(resends: Alias[]): void {
    for (const { command, actionId } of resends) {
      this.#metrics.resent(command.provider);
      this.#logger.log({ actionId, aliasId: command.action.id }, 'another sending of an action');
    }
  }
}

function countByProvider(commands: ReadCommand[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { provider } of commands) {
    counts.set(provider.key, (counts.get(provider.key) ?? 0) + 1);
  }
  return counts;
}

/** By what log lines about a command are found. */
export function idsOf({ action, traceparent }: ReadCommand) {
  return { actionId: action.id, traceId: traceIdIn(traceparent) };
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
  return keyOfAction(referenceOf(command));
}

function actionDeleted({ action }: ReadCommand): ApiError {
  return new ApiError(
    'idempotencyKeyReuse',
    `The action ${action.id}, which its idempotency key stands for, has been deleted. Nothing was created. Choose another key.`,
  );
}
