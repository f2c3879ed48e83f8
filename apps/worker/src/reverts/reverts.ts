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
import { keyOfAction } from '#database/action-row';
import {
  type LookedAt,
  findNewer,
  lockTimers,
  markRequested,
  postpone,
} from '#database/reverts.queries';
import { inTransaction } from '#database/transaction';
import { type CreateCommand, commandKey } from '#domain/command';
import { type RevertVerdict, judgeRevert } from '#domain/revert';
import { Publisher } from '#kafka/publisher';
import type { ActionEntry } from '#providers/action-entry';
import { Catalogue, providerKey } from '#providers/catalogue';
import { revertOf } from '#providers/revert-action';
import { Loop } from '../engine/loop.ts';
import { revertCommand } from './revert-command.ts';

/** Timers of one transaction: enough for a wave of reverts, and locked for a few milliseconds only. */
const BATCH_MAX = 100;
/** A command that was not acknowledged by then is published again, by whoever comes first: its worker may be dead. */
const REPEAT_AFTER_MS = 2000;
/** When an action whose revert the catalogue has lost is looked at again: the file may be mended. */
const LOST_REVERT_MS = 60_000;

/** A timer, and what undoes its action. */
interface Timer {
  timer: LookedAt;
  revert: ActionEntry;
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
    const { looked, commands } = await inTransaction(this.#database, (manager) =>
      this.#judge(manager),
    );
    await this.#publish(commands);
    return looked === BATCH_MAX;
  }

  /** Decides about the timers that are to be looked at. @returns the commands to publish */
  async #judge(manager: EntityManager): Promise<{ looked: number; commands: CreateCommand[] }> {
    const looked = await lockTimers(manager, this.#providerKeys, BATCH_MAX);
    const timers = await this.#withRevert(manager, looked);
    const newer = await findNewer(
      manager,
      timers.map(({ timer }) => timer),
      timers.map(({ revert }) => revert.name),
    );
    const verdicts = timers.map((entry) => ({
      ...entry,
      verdict: verdictOf(entry.timer, newer.get(keyOfAction(entry.timer)) ?? null),
    }));
    await postpone(manager, verdicts.flatMap(postponed));
    await endTimers(manager, verdicts.flatMap(ended));
    const wanted = verdicts.filter(({ verdict }) => verdict.kind === 'request');
    const marks = await markRequested(
      manager,
      wanted.map(({ timer }) => timer),
      REPEAT_AFTER_MS,
    );
    const commands = wanted.map(({ timer, revert }) =>
      revertCommand(timer, revert, marks.get(keyOfAction(timer))!),
    );
    return { looked: looked.length, commands };
  }

  /** The catalogue may have lost the revert since the action was accepted: such a timer waits, in sight of the log. */
  async #withRevert(manager: EntityManager, looked: LookedAt[]): Promise<Timer[]> {
    const timers: Timer[] = [];
    const lost: LookedAt[] = [];
    for (const timer of looked) {
      const { providerKey: key, actionName } = timer.row;
      const revert = revertOf(this.#catalogue.get(key), actionName);
      if (revert) timers.push({ timer, revert });
      else lost.push(timer);
    }
    if (lost.length > 0) {
      const actions = [...new Set(lost.map(({ row }) => `${row.providerKey} ${row.actionName}`))];
      this.#logger.warn({ actions, timers: lost.length }, 'the catalogue has no revert any more');
    }
    const until = (timer: LookedAt) => new Date(timer.now.getTime() + LOST_REVERT_MS);
    await postpone(
      manager,
      lost.map((timer) => ({ ...timer, until: until(timer) })),
    );
    return timers;
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
  return {
    azureTenantId: caller.tenantId,
    actionId: action.revertsActionId!,
    type: 'revertRequested',
    revertedByActionId: action.id,
  };
}
