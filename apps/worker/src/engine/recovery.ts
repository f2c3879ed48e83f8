import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import {
  type KnownProviders,
  freeExpired,
  lockExpiredLost,
  sweepTargets,
} from '#database/recover.queries';
import { settle } from '#database/settle.queries';
import { inTransaction } from '#database/transaction';
import { FAILURE_CODES } from '#domain/errors';
import { Catalogue, providerKey } from '#providers/catalogue';
import { Dispatcher } from './dispatcher.ts';
import { Loop } from './loop.ts';

const BATCH_MAX = 500;
const UNKNOWN =
  'Outcome unknown: the worker was lost after it had sent the action, which must not be sent again.';

/**
 * Takes over what dead workers held. Only after a whole lease of unbroken contact with Postgres: after an outage
 * every lease has expired, and the living must get to settle what they hold before anyone calls it orphaned.
 */
@Injectable()
export class Recovery {
  readonly loop: Loop;
  readonly #logger = new Logger(Recovery.name);
  readonly #database: DataSource;
  readonly #dispatcher: Dispatcher;
  readonly #settings: Settings;
  readonly #known: KnownProviders;
  #contactSinceMs: number | undefined;
  #lastContactMs = 0;

  constructor(
    @InjectDataSource() database: DataSource,
    dispatcher: Dispatcher,
    catalogue: Catalogue,
    settings: Settings,
  ) {
    this.#database = database;
    this.#dispatcher = dispatcher;
    this.#settings = settings;
    const isIdempotent = (entry: (typeof catalogue.providers)[number]) =>
      entry.capabilities.idempotent;
    this.#known = {
      idempotent: catalogue.providers.filter(isIdempotent).map(providerKey),
      others: catalogue.providers.filter((entry) => !isIdempotent(entry)).map(providerKey),
    };
    this.loop = new Loop(Recovery.name, settings.RECOVERY_INTERVAL_MS, () => this.#recover());
  }

  async #recover(): Promise<boolean> {
    await this.#noteContact();
    const swept = await inTransaction(this.#database, sweepTargets);
    if (swept > 0) this.#logger.warn({ targets: swept }, 'targets had nobody ready');
    if (!this.#mayJudge()) return false;
    const freed = await freeExpired(this.#database.manager, this.#known, BATCH_MAX);
    const unknown = await this.#settleLost();
    if (freed + unknown > 0) {
      this.#logger.warn({ freed, outcomeUnknown: unknown }, 'took over what a lost worker held');
    }
    if (freed + unknown + swept > 0) this.#dispatcher.loop.wake();
    return freed === BATCH_MAX || unknown === BATCH_MAX;
  }

  /** What was sent and must not be repeated: nobody can know, and the status says so. */
  async #settleLost(): Promise<number> {
    return inTransaction(this.#database, async (manager) => {
      const lost = await lockExpiredLost(manager, this.#known, BATCH_MAX);
      if (lost.length === 0) return 0;
      const errorInfo = { code: FAILURE_CODES.outcomeUnknown, message: UNKNOWN, subcode: 0 };
      await settle(
        manager,
        lost.map((claim) => ({ ...claim, type: 'failed' as const, errorInfo })),
      );
      return lost.length;
    });
  }

  async #noteContact(): Promise<void> {
    try {
      await this.#database.query('SELECT 1');
    } catch (error) {
      this.#contactSinceMs = undefined;
      throw error;
    }
    const nowMs = performance.now();
    // A gap means that this process stood still: it cannot tell what happened meanwhile.
    const gapMs = nowMs - this.#lastContactMs;
    if (gapMs >= this.#settings.LEASE_MS) this.#contactSinceMs = undefined;
    this.#contactSinceMs ??= nowMs;
    this.#lastContactMs = nowMs;
  }

  #mayJudge(): boolean {
    return (
      this.#contactSinceMs !== undefined &&
      performance.now() - this.#contactSinceMs >= this.#settings.LEASE_MS
    );
  }
}
