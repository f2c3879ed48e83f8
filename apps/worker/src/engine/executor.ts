import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import pRetry from 'p-retry';
import type { DataSource } from 'typeorm';
import { LIFELINE } from '#database/database.module';
import { markSent, releaseClaims } from '#database/held-claims.queries';
import type { Settlement } from '#database/settle.queries';
import { isTransient } from '#database/sqlstate';
import { ShortLivedSet } from '#domain/short-lived';
import { bearsRepeats } from '#providers/bears-repeats';
import type { Outcome } from '#providers/provider';
import { traceSettlement } from './attempt-trace.ts';
import { type Holding, Holdings } from './holdings.ts';
import { ProviderCaller } from './provider-caller.ts';
import { settlementOfProbe } from './settlement-of-finding.ts';
import { settlementOf } from './settlement-of.ts';
import { Settler } from './settler.ts';
import { cancelled, settlement } from './verdict.ts';

/** What is said of an answer that does not keep to its types. */
export const NOT_UNDERSTOOD = 'its provider gave an answer that cannot be understood';

const UNDECIDABLE: Outcome = {
  kind: 'mayHaveActed',
  reason: 'an earlier attempt may have acted, and the provider does not bear repeats any more',
};

/** How an attempt ended; undefined: it did not begin, which is nobody's fault but ours. */
type Conclusion = Settlement | undefined;

/**
 * Runs what this worker has claimed: mark as sent where a repeat would harm, call the provider, settle. One
 * attempt's trouble is its own; nothing here throws.
 */
@Injectable()
export class Executor {
  readonly #logger = new Logger(Executor.name);
  readonly #database: DataSource;
  readonly #holdings: Holdings;
  readonly #caller: ProviderCaller;
  readonly #settler: Settler;
  readonly #running = new ShortLivedSet<Promise<void>>();
  /** Called when places came free, with how many actions may be claimed that could not before. */
  onRoom: (madeReady: number) => void = () => undefined;

  constructor(
    @InjectDataSource(LIFELINE) database: DataSource,
    holdings: Holdings,
    caller: ProviderCaller,
    settler: Settler,
  ) {
    this.#database = database;
    this.#holdings = holdings;
    this.#caller = caller;
    this.#settler = settler;
  }

  /** Starts the attempts and returns at once; `drain` waits for them. */
  start(held: Holding[]): void {
    if (this.#holdings.isClosed) {
      this.track(this.release(held));
      return;
    }
    const unmarked: Holding[] = [];
    for (const holding of held) {
      const { claim, entry } = holding;
      if (claim.next === 'probe') this.track(this.#probe(holding));
      else if (bearsRepeats(entry)) this.track(this.#attempt(holding));
      // The provider bore repeats when it was called, and does not any more: it must not be called again.
      else if (claim.mayHaveActed) this.track(this.#settleOutcome(holding, () => UNDECIDABLE));
      else unmarked.push(holding);
    }
    if (unmarked.length > 0) this.track(this.#markAndAttempt(unmarked));
  }

  /** Waits for what runs; after `graceMs` the calls are aborted, and what became of them settled. */
  async drain(graceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#caller.abort(), graceMs);
    while (this.#running.size > 0) await Promise.all(this.#running);
    clearTimeout(timer);
  }

  /** Has `drain` wait for work that ends by itself, and logs its failure. */
  track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#logger.error(error))
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  /**
   * Writes how a holding ended, and gives its place free, whatever throws: a holding that stayed would have its lease
   * renewed for ever.
   * @param conclude finds out how it ended
   * @param onFault how it ended if that throws; if this throws too, recovery decides
   */
  async settle(
    holding: Holding,
    conclude: () => Conclusion | Promise<Conclusion>,
    onFault: () => Settlement,
  ): Promise<void> {
    let promoted = 0;
    try {
      const settlement = await this.#concluded(holding, conclude, onFault);
      if (!settlement) return await this.#giveBack([holding]);
      promoted = await traceSettlement(holding.trace, settlement, () =>
        this.#settler.settle(settlement),
      );
    } finally {
      this.#holdings.drop(holding);
      this.onRoom(promoted);
    }
  }

  async #concluded(
    { claim: { actionId } }: Holding,
    conclude: () => Conclusion | Promise<Conclusion>,
    onFault: () => Settlement,
  ): Promise<Conclusion> {
    try {
      return await conclude();
    } catch (error) {
      this.#logger.error({ actionId, err: error }, 'answer of the provider not understood');
      return onFault();
    }
  }

  /** Gives holdings back uncalled. */
  async release(held: Holding[]): Promise<void> {
    if (held.length === 0) return;
    try {
      await this.#giveBack(held);
    } finally {
      held.forEach((holding) => this.#holdings.drop(holding));
      this.onRoom(held.length);
    }
  }

  async #giveBack(held: Holding[]): Promise<void> {
    const claims = held.map(({ claim }) => claim);
    await this.#insist(() => releaseClaims(this.#database.manager, claims));
  }

  /** Attempts that must not reach the provider twice: on record as sent, in one commit, before any call. */
  async #markAndAttempt(held: Holding[]): Promise<void> {
    const sent = await this.#markSent(held);
    for (const holding of held) {
      if (sent.has(holding.claim.attemptId)) this.track(this.#attempt(holding));
    }
    await this.release(held.filter(({ claim }) => !sent.has(claim.attemptId)));
  }

  async #markSent(held: Holding[]): Promise<Set<string>> {
    const claims = held.map(({ claim }) => claim);
    try {
      return await this.#insist(() => markSent(this.#database.manager, claims));
    } catch (error) {
      this.#logger.error({ err: error }, 'attempts not put on record: given back uncalled');
      return new Set();
    }
  }

  async #attempt(holding: Holding): Promise<void> {
    if (!this.#caller.mayBeginCall(holding)) return this.release([holding]);
    await this.#settleOutcome(holding, () => this.#caller.execute(holding));
  }

  async #settleOutcome(holding: Holding, call: () => Outcome | Promise<Outcome>): Promise<void> {
    const { claim, entry } = holding;
    const conclude = async () => {
      const outcome = await call();
      // Its provider says that it took the call back: so it is, unless the call itself says that it was too late.
      const wasTakenBack = (await holding.takingBack) && outcome.kind !== 'completed';
      if (wasTakenBack) return settlement(claim, cancelled());
      // Nothing was sent, and it must not be any more: its turn is lost, the worker ends, or it is to be cancelled.
      if (outcome.kind === 'unavailable' && !this.#caller.mayBeginCall(holding)) return undefined;
      return settlementOf(claim, entry, outcome);
    };
    await this.settle(holding, conclude, () =>
      settlementOf(claim, entry, { kind: 'mayHaveActed', reason: NOT_UNDERSTOOD }),
    );
  }

  async #probe(holding: Holding): Promise<void> {
    if (!this.#caller.mayCall(holding)) return this.release([holding]);
    const { claim, entry } = holding;
    await this.settle(
      holding,
      async () => settlementOfProbe(claim, entry, await this.#caller.probe(holding)),
      () => settlementOfProbe(claim, entry, { kind: 'unanswered', reason: NOT_UNDERSTOOD }),
    );
  }

  /**
   * Postgres being away is no reason to give a claim up: the lease decides that, not we. Once the worker must end,
   * there is one try left.
   */
  async #insist<T>(statement: () => Promise<T>): Promise<T> {
    if (this.#caller.isAborted) return statement();
    return pRetry(statement, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 100,
      maxTimeout: 2000,
      signal: this.#caller.stopping,
      shouldRetry: ({ error }) => isTransient(error),
    });
  }
}
