import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import pRetry from 'p-retry';
import type { DataSource } from 'typeorm';
import { markSent, releaseClaims } from '#database/claim.queries';
import { LIFELINE } from '#database/database.module';
import { isTransient } from '#database/sqlstate';
import type { Outcome } from '#providers/provider';
import { Providers } from '../providers.ts';
import { type Holding, Holdings } from './holdings.ts';
import { settlementOf } from './settlement-of.ts';
import { Settler } from './settler.ts';

/** A call starts only if its lease has at least this long to go: time enough to be renewed. */
const LEASE_LEFT_MS_MIN = 500;

const UNDECIDABLE: Outcome = {
  kind: 'mayHaveActed',
  reason: 'an earlier attempt may have acted, and the provider does not bear repeats any more',
};

/**
 * Runs what this worker has claimed: mark as sent where a repeat would harm, call the provider, settle. One
 * attempt's trouble is its own; nothing here throws.
 */
@Injectable()
export class Executor {
  readonly #logger = new Logger(Executor.name);
  readonly #database: DataSource;
  readonly #holdings: Holdings;
  readonly #providers: Providers;
  readonly #settler: Settler;
  readonly #running = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  /** Called when a place became free or another action ready. */
  onRoom: () => void = () => undefined;

  constructor(
    @InjectDataSource(LIFELINE) database: DataSource,
    holdings: Holdings,
    providers: Providers,
    settler: Settler,
  ) {
    this.#database = database;
    this.#holdings = holdings;
    this.#providers = providers;
    this.#settler = settler;
  }

  /** Starts the attempts and returns at once; `drain` waits for them. */
  start(held: Holding[]): void {
    if (this.#holdings.isClosed) {
      this.#track(this.#release(held));
      return;
    }
    const strict = held.filter(({ entry }) => !entry.capabilities.idempotent);
    // The provider bore repeats when it was called, and does not any more: it must not be asked again.
    const undecidable = strict.filter(({ claim }) => claim.mayHaveActed);
    const callable = strict.filter(({ claim }) => !claim.mayHaveActed);
    for (const holding of held) {
      if (holding.entry.capabilities.idempotent) this.#track(this.#attempt(holding));
    }
    for (const holding of undecidable) this.#track(this.#settle(holding, UNDECIDABLE));
    if (callable.length > 0) this.#track(this.#attemptOnce(callable));
  }

  /** Waits for what runs; after `graceMs` the calls are aborted, and what became of them settled. */
  async drain(graceMs: number): Promise<void> {
    const timer = setTimeout(
      () => this.#abort.abort(new Error('The worker is stopping.')),
      graceMs,
    );
    while (this.#running.size > 0) await Promise.all(this.#running);
    clearTimeout(timer);
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#logger.error(error))
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  /** Attempts that must not reach the provider twice: on record as sent, in one commit, before any call. */
  async #attemptOnce(held: Holding[]): Promise<void> {
    const sent = await this.#markSent(held);
    for (const holding of held) {
      if (sent.has(holding.claim.attemptId)) this.#track(this.#attempt(holding));
    }
    await this.#release(held.filter(({ claim }) => !sent.has(claim.attemptId)));
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
    // A process that was stopped for a while must not start a call that another has taken over.
    const leaseLeftMs = holding.leaseEndsAtMs - performance.now();
    if (this.#abort.signal.aborted || leaseLeftMs < LEASE_LEFT_MS_MIN) {
      return this.#release([holding]);
    }
    await this.#settle(holding, await this.#call(holding));
  }

  async #settle(holding: Holding, outcome: Outcome): Promise<void> {
    try {
      await this.#settler.settle(settlementOf(holding.claim, holding.entry, outcome));
    } finally {
      this.#holdings.drop(holding);
      this.onRoom();
    }
  }

  /** Returns when the provider answers or its deadline passes, whatever the provider does with the signal. */
  async #call({ claim, entry, lost }: Holding): Promise<Outcome> {
    const deadline = new AbortController();
    const timer = setTimeout(
      () => deadline.abort(new Error(`no answer in ${entry.timeoutMs} ms`)),
      entry.timeoutMs,
    );
    const signal = AbortSignal.any([deadline.signal, this.#abort.signal, lost.signal]);
    const aborted = new Promise<Outcome>((resolve) => {
      const giveUp = () =>
        resolve({ kind: 'mayHaveActed', reason: (signal.reason as Error).message });
      signal.addEventListener('abort', giveUp, { once: true });
    });
    const attempt = { id: claim.attemptId, number: claim.attempt };
    try {
      const answer = this.#providers.for(entry).execute(claim.action, attempt, signal);
      return await Promise.race([answer, aborted]);
    } catch (error) {
      this.#logger.error({ actionId: claim.actionId, err: error }, 'provider threw');
      return { kind: 'mayHaveActed', reason: 'the provider failed unexpectedly' };
    } finally {
      clearTimeout(timer);
    }
  }

  async #release(held: Holding[]): Promise<void> {
    if (held.length === 0) return;
    try {
      const claims = held.map(({ claim }) => claim);
      await this.#insist(() => releaseClaims(this.#database.manager, claims));
    } finally {
      held.forEach((holding) => this.#holdings.drop(holding));
      this.onRoom();
    }
  }

  /**
   * Postgres being away is no reason to give a claim up: the lease decides that, not we. Once the worker must end,
   * there is one try left.
   */
  async #insist<T>(statement: () => Promise<T>): Promise<T> {
    if (this.#abort.signal.aborted) return statement();
    return pRetry(statement, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 100,
      maxTimeout: 2000,
      signal: this.#abort.signal,
      shouldRetry: ({ error }) => isTransient(error),
    });
  }
}
