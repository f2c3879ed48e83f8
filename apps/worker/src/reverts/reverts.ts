import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { Settings } from '#config/settings';
import { type TimerEnd, endTimers } from '#database/revert-timer.queries';
import { type ActionReference, keyOfAction } from '#database/action-row';
import {
  LOOK_WAITING_MS,
  type LookedAt,
  areTimersDue,
  findNewer,
  lockTimers,
  markRequested,
  postpone,
} from '#database/reverts.queries';
import { findStored } from '#database/stored.queries';
import { inTransaction } from '#database/transaction';
import { type CreateCommand, commandKey } from '#domain/command';
import { type RevertVerdict, judgeRevert } from '#domain/revert';
import { Publisher } from '#kafka/publisher';
import type { ActionEntry } from '#providers/action-entry';
import { Catalogue, providerKey } from '#providers/catalogue';
import { revertOf } from '#providers/revert-action';
import { Loop } from '../process/loop.ts';
import { revertCommand, revertIdOf } from './revert-command.ts';

/** Timers of one transaction: enough for a wave of reverts, and locked for a few milliseconds only. */
const BATCH_MAX = 100;
/** A command that was not acknowledged by then is published again, by whoever comes first: its worker may be dead. */
const REPEAT_AFTER_MS = 2000;

/** A timer, and what undoes its action: the catalogue may have lost that since the action was accepted. */
interface Timer {
  timer: LookedAt;
  revert: ActionEntry | undefined;
}

/**
 * Makes the reverts that are due. First it is put on record that a command is about to be published (nobody can stop
 * it from then on), then it is published, then the timer ends. A crash in between repeats the command, and the
 * ingest takes an id once.
 */
@Injectable()
export class Reverts implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly loop: Loop;
  readonly #logger = new Logger(Reverts.name);
  readonly #database: DataSource;
  readonly #publisher: Publisher;
  readonly #catalogue: Catalogue;
  readonly #providerKeys: string[];

  constructor(
    @InjectDataSource() database: DataSource,
    publisher: Publisher,
    catalogue: Catalogue,
    settings: Settings,
  ) {
    this.#database = database;
    this.#publisher = publisher;
    this.#catalogue = catalogue;
    this.#providerKeys = catalogue.providers.map(providerKey);
    this.loop = new Loop(Reverts.name, settings.REVERT_INTERVAL_MS, () => this.#look());
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  /** Before the publisher closes. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
  }

  async #look(): Promise<boolean> {
    // Without Kafka nothing is marked: until it is back, a revert can still be stopped.
    if (!this.#publisher.healthy) return false;
    // Nearly always there is none: one statement tells, and not a transaction.
    if (!(await areTimersDue(this.#database.manager, this.#providerKeys))) return false;
    const { looked, commands } = await inTransaction(this.#database, (manager) =>
      this.#judge(manager),
    );
    await this.#publish(commands);
    return looked === BATCH_MAX;
  }

  /** Decides about the timers that are to be looked at. @returns the commands to publish */
  async #judge(manager: EntityManager): Promise<{ looked: number; commands: CreateCommand[] }> {
    const looked = await lockTimers(manager, this.#providerKeys, BATCH_MAX);
    const timers = looked.map((timer) => {
      const { providerKey: key, actionName } = timer.row;
      return { timer, revert: revertOf(this.#catalogue.get(key), actionName) };
    });
    const newer = await findNewer(
      manager,
      looked,
      timers.map(({ timer, revert }) => revert?.name ?? timer.row.actionName),
    );
    const verdicts = timers.map((entry) => ({
      ...entry,
      verdict: verdictOf(entry.timer, newer.get(keyOfAction(entry.timer)) ?? null),
    }));
    await postpone(manager, verdicts.flatMap(postponed));
    await endTimers(manager, verdicts.flatMap(ended));
    const wanted = verdicts.filter(({ verdict }) => verdict.kind === 'request');
    await this.#leaveLost(
      manager,
      wanted.flatMap(({ timer, revert }) => (revert ? [] : [timer])),
    );
    return { looked: looked.length, commands: await this.#request(manager, wanted) };
  }

  /** Puts on record that these are about to be published. @returns their commands */
  async #request(manager: EntityManager, wanted: Timer[]): Promise<CreateCommand[]> {
    const known = wanted.flatMap(({ timer, revert }) => (revert ? [{ timer, revert }] : []));
    const marks = await markRequested(
      manager,
      known.map(({ timer }) => timer),
      REPEAT_AFTER_MS,
    );
    return known.map(({ timer, revert }) =>
      revertCommand(timer, revert, marks.get(keyOfAction(timer))!),
    );
  }

  /**
   * What is due, and has no revert in the catalogue any more, waits in sight of log and metrics: the file may be mended,
   * and another worker may have a newer one. Of what was requested before, the command may have got through.
   */
  async #leaveLost(manager: EntityManager, lost: LookedAt[]): Promise<void> {
    if (lost.length === 0) return;
    const stored = await findStored(
      manager,
      lost.map((timer) => ({ ...timer, actionId: revertIdOf(timer) })),
    );
    const ids = new Set(stored.map(({ actionId }) => actionId));
    const isThrough = (timer: LookedAt) => ids.has(revertIdOf(timer));
    const ends = lost.filter(isThrough).map((timer) => requestedEnd(timer, revertIdOf(timer)));
    await endTimers(manager, ends);
    await this.#wait(
      manager,
      lost.filter((timer) => !isThrough(timer)),
    );
  }

  async #wait(manager: EntityManager, lost: LookedAt[]): Promise<void> {
    if (lost.length === 0) return;
    const actions = [...new Set(lost.map(({ row }) => `${row.providerKey} ${row.actionName}`))];
    this.#logger.warn({ actions, timers: lost.length }, 'the catalogue has no revert any more');
    const until = (timer: LookedAt) => new Date(timer.now.getTime() + LOOK_WAITING_MS);
    await postpone(
      manager,
      lost.map((timer) => ({ ...timer, until: until(timer) })),
    );
  }

  /** @throws what kept a command from being acknowledged, once the others are dealt with */
  async #publish(commands: CreateCommand[]): Promise<void> {
    if (commands.length === 0) return;
    const results = await Promise.allSettled(
      commands.map((command) =>
        this.#publisher.publish({
          topic: 'commands',
          key: commandKey(command),
          value: JSON.stringify(command),
        }),
      ),
    );
    const ends = commands.filter((_, index) => results[index]?.status === 'fulfilled').map(endOf);
    await inTransaction(this.#database, (manager) => endTimers(manager, ends));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

/** Once its command may be in the log, nothing is to be decided any more. */
function verdictOf(timer: LookedAt, newer: Parameters<typeof judgeRevert>[1]): RevertVerdict {
  if (timer.requestedDateTime !== null) return { kind: 'request' };
  return judgeRevert(timer, newer, timer.now);
}

interface Judged extends Timer {
  verdict: RevertVerdict;
}

function postponed({ timer, verdict }: Judged) {
  return verdict.kind === 'wait' ? [{ ...timer, until: verdict.until }] : [];
}

function ended({ timer, verdict }: Judged): TimerEnd[] {
  if (verdict.kind !== 'end') return [];
  const { azureTenantId, actionId } = timer;
  return [{ azureTenantId, actionId, type: verdict.type, reason: verdict.reason }];
}

function endOf({ caller, action }: CreateCommand): TimerEnd {
  const reverted = { azureTenantId: caller.tenantId, actionId: action.revertsActionId! };
  return requestedEnd(reverted, action.id);
}

function requestedEnd(
  { azureTenantId, actionId }: ActionReference,
  revertedByActionId: string,
): TimerEnd {
  return { azureTenantId, actionId, type: 'revertRequested', revertedByActionId };
}
