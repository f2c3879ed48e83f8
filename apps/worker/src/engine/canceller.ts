import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { claimCancels, findCancelRequests } from '#database/cancel.queries';
import { LIFELINE } from '#database/database.module';
import { inTransaction } from '#database/transaction';
import { Catalogue, providerKey } from '#providers/catalogue';
import { Executor, NOT_UNDERSTOOD } from './executor.ts';
import { type Holding, Holdings } from './holdings.ts';
import { Loop } from '../process/loop.ts';
import { ProviderCaller } from './provider-caller.ts';
import { settlementOfCancel } from './settlement-of-finding.ts';
import { cancelled, settlement } from './verdict.ts';
import { WORKER_NAME } from '../process/worker-name.ts';

/** Cancels at one provider, beside the room there is: enough for a person in a hurry, and none that others have to wait for. */
const UNDER_WAY_MAX = 50;

/**
 * Carries out the cancels that the API put on record: of the calls that this worker has under way, and of actions that
 * nobody holds. The lookout wakes it as long as there are any.
 */
@Injectable()
export class Canceller {
  readonly loop: Loop;
  readonly #database: DataSource;
  readonly #catalogue: Catalogue;
  readonly #holdings: Holdings;
  readonly #caller: ProviderCaller;
  readonly #executor: Executor;
  readonly #leaseMs: number;
  readonly #underWay = new Map<string, number>();

  constructor(
    @InjectDataSource(LIFELINE) database: DataSource,
    catalogue: Catalogue,
    holdings: Holdings,
    caller: ProviderCaller,
    executor: Executor,
    settings: Settings,
  ) {
    this.#database = database;
    this.#catalogue = catalogue;
    this.#holdings = holdings;
    this.#caller = caller;
    this.#executor = executor;
    this.#leaseMs = settings.LEASE_MS;
    this.loop = new Loop(Canceller.name, undefined, () => this.#look());
  }

  async #look(): Promise<boolean> {
    if (this.#holdings.isClosed) return false;
    for (const attemptId of await findCancelRequests(this.#database.manager, WORKER_NAME)) {
      const holding = this.#holdings.get(attemptId);
      if (holding?.claim.next === 'call') this.#takeBackCall(holding);
    }
    const wanted = { room: this.#room(), repeatable: this.#holdings.repeatable };
    const lease = { owner: WORKER_NAME, leaseMs: this.#leaseMs };
    const held = await this.#holdings.claimBeyondRoom(() =>
      inTransaction(this.#database, (manager) => claimCancels(manager, wanted, lease)),
    );
    for (const holding of held) this.#track(holding, this.#takeBackWaiting(holding));
    return held.length > 0;
  }

  /** How many more there may be under way at each provider. */
  #room(): Map<string, number> {
    const keys = this.#catalogue.providers.map(providerKey);
    return new Map(keys.map((key) => [key, Math.max(0, UNDER_WAY_MAX - this.#underWayAt(key))]));
  }

  #underWayAt(key: string): number {
    return this.#underWay.get(key) ?? 0;
  }

  #track({ claim: { providerKey: key } }: Holding, work: Promise<void>): void {
    this.#underWay.set(key, this.#underWayAt(key) + 1);
    this.#executor.track(work.finally(() => this.#underWay.set(key, this.#underWayAt(key) - 1)));
  }

  /** Beside the call, whose outcome counts unless its provider has taken it back. */
  #takeBackCall(holding: Holding): void {
    holding.cancelWanted = true;
    if (performance.now() < holding.takeBackAtMs) return;
    if (this.#underWayAt(holding.claim.providerKey) >= UNDER_WAY_MAX) return;
    // One question at a time, and the next one after a pause.
    holding.takeBackAtMs = Number.POSITIVE_INFINITY;
    holding.takingBack = this.#hasTakenBack(holding);
    this.#track(
      holding,
      holding.takingBack.then(() => undefined),
    );
  }

  async #hasTakenBack(holding: Holding): Promise<boolean> {
    const finding = await this.#caller.cancel(holding);
    if (finding.kind === 'known' && finding.status === 'Failed') {
      // Nobody waits for it any more; what it still says is settled by the executor.
      holding.lost.abort(new Error('The call was taken back.'));
      return true;
    }
    holding.takeBackAtMs = performance.now() + holding.entry.retry.backoffMsMax;
    return false;
  }

  /** An action between two calls, or one whose provider is to report. */
  async #takeBackWaiting(holding: Holding): Promise<void> {
    const { claim, entry } = holding;
    if (!claim.mayHaveActed) {
      const withoutEffect = () => settlement(claim, cancelled());
      return this.#executor.settle(holding, withoutEffect, withoutEffect);
    }
    if (!this.#caller.mayCall(holding)) return this.#executor.release([holding]);
    await this.#executor.settle(
      holding,
      async () => settlementOfCancel(claim, entry, await this.#caller.cancel(holding)),
      () => settlementOfCancel(claim, entry, { kind: 'unanswered', reason: NOT_UNDERSTOOD }),
    );
  }
}
