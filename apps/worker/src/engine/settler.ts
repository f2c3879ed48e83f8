import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import pRetry from 'p-retry';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { LIFELINE } from '#database/database.module';
import { type Settlement, settleAtOnce } from '#database/settle.queries';
import { findUnfinished } from '#database/held-claims.queries';
import { isDataError, isStatementTimeout } from '#database/sqlstate';
import { traceIdOf } from '#observability/trace-context';
import { Relay } from '../events/relay.ts';

interface Waiting {
  settlement: Settlement;
  traceId: string | undefined;
  resolve: (promoted: number) => void;
  reject: (error: unknown) => void;
}

/**
 * Writes outcomes in batches: one transaction at a time, holding what came in during the one before. An outcome is
 * the only proof of what a provider did, so an outage is waited out for as long as the process may live.
 */
@Injectable()
export class Settler {
  readonly #logger = new Logger(Settler.name);
  readonly #database: DataSource;
  readonly #relay: Relay;
  readonly #batchMax: number;
  readonly #abandon = new AbortController();
  #waiting: Waiting[] = [];
  #writing = false;

  constructor(@InjectDataSource(LIFELINE) database: DataSource, relay: Relay, settings: Settings) {
    this.#database = database;
    this.#relay = relay;
    this.#batchMax = settings.SETTLE_BATCH_MAX;
  }

  /**
   * Writes one outcome. Bounded by the callers: each holds a place of `Holdings` until this returns.
   * @returns how many actions became ready in the same transaction
   * @throws when Postgres refuses the outcome for good, or the process gives up
   */
  async settle(settlement: Settlement): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ settlement, traceId: traceIdOf(), resolve, reject });
      if (!this.#writing) this.#start();
    });
  }

  /** Stops waiting for Postgres: what is not written is left to the expiry of its lease. */
  abandon(): void {
    this.#abandon.abort(new Error('The process is stopping.'));
  }

  /** After this turn of the event loop: calls that end together are settled together. */
  #start(): void {
    this.#writing = true;
    setImmediate(() => {
      this.#writeAll().catch((error: unknown) => this.#logger.error(error));
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#write(this.#waiting.splice(0, this.#batchMax));
    }
    this.#writing = false;
  }

  async #write(batch: Waiting[]): Promise<void> {
    try {
      const { settled, promoted } = await this.#insist(batch);
      this.#relay.noteSettled(
        batch.map(({ settlement }) => settlement),
        settled,
      );
      await this.#tellLate(batch.filter(({ settlement }) => !settled.has(settlement.attemptId)));
      batch.forEach(({ resolve }) => resolve(promoted));
    } catch (error) {
      if (batch.length === 1 || this.#abandon.signal.aborted) {
        batch.forEach(({ reject }) => reject(error));
      } else {
        // Refused for good, or too much at once: in halves, until only the culprit is left unsettled.
        const middle = batch.length >> 1;
        await this.#write(batch.slice(0, middle));
        await this.#write(batch.slice(middle));
      }
    }
  }

  /** That a report ended an action before its call did is in order; that another worker has it is not. */
  async #tellLate(late: Waiting[]): Promise<void> {
    if (late.length === 0) return;
    const references = late.map(({ settlement }) => settlement);
    const unfinished = await findUnfinished(this.#database.manager, references).catch(
      () => undefined,
    );
    for (const { settlement, traceId } of late) {
      const about = { actionId: settlement.actionId, traceId };
      if (!unfinished) {
        this.#logger.warn(about, 'outcome came after its lease was lost or its end');
      } else if (unfinished.some(({ actionId }) => actionId === about.actionId)) {
        this.#logger.warn(about, 'outcome came after the lease was lost');
      } else this.#logger.log(about, 'outcome came after the end');
    }
  }

  async #insist(batch: Waiting[]) {
    const settlements = batch.map(({ settlement }) => settlement);
    return pRetry(() => settleAtOnce(this.#database, settlements), {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 100,
      maxTimeout: 2000,
      signal: this.#abandon.signal,
      // Everything but the outcome itself may pass, and nobody else knows the outcome.
      shouldRetry: ({ error }) =>
        !isDataError(error) && !(isStatementTimeout(error) && batch.length > 1),
    });
  }
}
