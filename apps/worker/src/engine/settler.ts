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
  /** Its wait has been logged. */
  isAside?: boolean;
}

/** As many parts as find the one outcome of a full batch that cannot be written in three steps. */
const PARTS = 8;

/**
 * Writes outcomes in batches: one transaction at a time, holding what came in during the one before. An outcome is
 * the only proof of what a provider did, so an outage is waited out for as long as the process may live.
 *
 * What Postgres takes too long for is set aside, and written beside the rest: as a rule somebody has locked a row, and does not
 * let go.
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
  readonly #aside: Waiting[][] = [];
  #writingAside = false;

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
      if (this.#abandon.signal.aborted) batch.forEach(({ reject }) => reject(error));
      else if (isStatementTimeout(error)) this.#setAside(batch);
      else if (batch.length === 1) batch.forEach(({ reject }) => reject(error));
      // Refused for good: in parts, until only the culprit is left unsettled.
      else for (const part of partsOf(batch)) await this.#write(part);
    }
  }

  /** In parts, until only the culprit is left; that one is tried, behind all others, until it can be written. */
  #setAside(batch: Waiting[]): void {
    const [first] = batch as [Waiting];
    if (batch.length === 1 && !first.isAside) {
      const about = { actionId: first.settlement.actionId, traceId: first.traceId };
      this.#logger.warn(about, 'an outcome waits: Postgres takes too long, as for a lock');
      first.isAside = true;
    }
    if (batch.length === 1) this.#aside.push(batch);
    else this.#aside.unshift(...partsOf(batch));
    if (this.#writingAside) return;
    this.#writingAside = true;
    this.#writeAside().catch((error: unknown) => this.#logger.error(error));
  }

  async #writeAside(): Promise<void> {
    for (let part = this.#aside.shift(); part; part = this.#aside.shift()) await this.#write(part);
    this.#writingAside = false;
  }

  /** That a report ended an action before its call did is in order; that another worker has it is not. */
  async #tellLate(late: Waiting[]): Promise<void> {
    if (late.length === 0) return;
    const references = late.map(({ settlement }) => settlement);
    const unfinished = await findUnfinished(this.#database.manager, references).catch(
      () => undefined,
    );
    for (const { settlement, traceId } of late) {
      const about = { actionId: settlement.actionId, outcome: settlement.type, traceId };
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
      shouldRetry: ({ error }) => !isDataError(error) && !isStatementTimeout(error),
      onFailedAttempt: ({ error, attemptNumber }) => this.#noteFailure(error, attemptNumber),
    });
  }

  /** Once for each batch: during an outage every try fails alike. */
  #noteFailure(error: unknown, attempt: number): void {
    if (attempt > 1 || isStatementTimeout(error) || isDataError(error)) return;
    this.#logger.warn({ err: error }, 'outcomes cannot be written, and are kept to be tried again');
  }
}

function partsOf<T>(batch: T[]): T[][] {
  const size = Math.ceil(batch.length / PARTS);
  const count = Math.ceil(batch.length / size);
  return Array.from({ length: count }, (_, index) => batch.slice(index * size, (index + 1) * size));
}
