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

/**
 * Runs what this worker has claimed: mark as sent where a repeat would harm, call the provider, settle. One
 * attempt's trouble is its own; `run` never throws.
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
    const repeatable = held.filter(({ entry }) => entry.capabilities.idempotent);
    const strict = held.filter(({ entry }) => !entry.capabilities.idempotent);
    for (const holding of repeatable) this.#track(this.#attempt(holding));
    if (strict.length > 0) this.#track(this.#attemptOnce(strict));
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
    const unsent = held.filter(({ claim }) => !sent.has(claim.attemptId));
    await Promise.all([
      this.#release(unsent),
      ...held
        .filter(({ claim }) => sent.has(claim.attemptId))
        .map((holding) => this.#attempt(holding)),
    ]);
  }

  async #markSent(held: Holding[]): Promise<Set<string>> {
    const claims = held.map(({ claim }) => claim);
    try {
      return await this.#insist(() => markSent(this.#database.manager, claims));
    } catch (error) {
      // Not called, and perhaps on record as sent: what became of them is for the recovery to say.
      held.forEach((holding) => this.#holdings.drop(holding));
      throw error;
    }
  }

  async #attempt(holding: Holding): Promise<void> {
    // A process that was stopped for a while must not start a call that another has taken over.
    if (performance.now() > holding.leaseEndsAtMs - LEASE_LEFT_MS_MIN) {
      return this.#release([holding]);
    }
    const outcome = await this.#call(holding);
    try {
      await this.#settler.settle(settlementOf(holding.claim, holding.entry, outcome));
    } finally {
      this.#holdings.drop(holding);
      this.onRoom();
    }
  }

  /** Returns when the provider answers or its deadline passes, whatever the provider does with the signal. */
  async #call({ claim, entry }: Holding): Promise<Outcome> {
    const deadline = AbortSignal.any([AbortSignal.timeout(entry.timeoutMs), this.#abort.signal]);
    const aborted = new Promise<Outcome>((resolve) => {
      const giveUp = () =>
        resolve({
          kind: 'mayHaveActed',
          reason: this.#abort.signal.aborted
            ? 'the worker was stopped before the answer came'
            : `no answer in ${entry.timeoutMs} ms`,
        });
      deadline.addEventListener('abort', giveUp, { once: true });
    });
    const attempt = { id: claim.attemptId, number: claim.attempt };
    try {
      const answer = this.#providers.for(entry).execute(claim.action, attempt, deadline);
      return await Promise.race([answer, aborted]);
    } catch (error) {
      this.#logger.error({ actionId: claim.actionId, err: error }, 'provider threw');
      return { kind: 'mayHaveActed', reason: 'the provider failed unexpectedly' };
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

  /** Postgres being away is no reason to give a claim up: the lease decides that, not we. */
  async #insist<T>(statement: () => Promise<T>): Promise<T> {
    return pRetry(statement, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 100,
      maxTimeout: 2000,
      signal: this.#abort.signal,
      shouldRetry: ({ error }) => isTransient(error),
    });
  }
}
