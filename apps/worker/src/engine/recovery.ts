import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import {
  type ExpiredBy,
  type LeaseLook,
  type RecoveryKnowledge,
  freeExpired,
  lockExpiredLost,
  lookAtLeases,
  shortenLeases,
  sweepTargets,
} from '#database/recover.queries';
import { settle } from '#database/settle.queries';
import { isOutage } from '#database/sqlstate';
import { inTransaction } from '#database/transaction';
import { LIFELINE } from '#database/database.module';
import { FAILURE_CODES } from '#domain/errors';
import { Catalogue, providerKey } from '#providers/catalogue';
import { Contact } from './contact.ts';
import { Dispatcher } from './dispatcher.ts';
import { Loop } from '../process/loop.ts';

const BATCH_MAX = 500;
/** The sweep walks every target, and finds something only if there is a bug elsewhere. */
const STEPS_PER_SWEEP = 10;
/**
 * The mark is put on record before it is sent: nobody knows whether it was. Also said of what was claimed too often, which its
 * provider may bear to get twice.
 */
const UNKNOWN =
  'Outcome unknown: the worker was lost when it had sent the action, or was about to, and it must not be sent twice.';

/**
 * Takes over what dead workers held. Only after a whole lease of unbroken contact with a Postgres that takes writes: after an
 * outage every lease has expired, and the living must get to settle what they hold before anyone calls it orphaned. So it has when
 * Postgres's clock was set ahead.
 */
@Injectable()
export class Recovery {
  readonly loop: Loop;
  readonly #logger = new Logger(Recovery.name);
  readonly #database: DataSource;
  readonly #dispatcher: Dispatcher;
  readonly #knowledge: RecoveryKnowledge;
  readonly #contact: Contact;
  #steps = 0;

  constructor(
    @InjectDataSource(LIFELINE) database: DataSource,
    dispatcher: Dispatcher,
    catalogue: Catalogue,
    settings: Settings,
  ) {
    this.#database = database;
    this.#dispatcher = dispatcher;
    this.#contact = new Contact(settings.LEASE_MS);
    this.#knowledge = {
      known: catalogue.providers.map(providerKey),
      probeable: catalogue.providers.filter((entry) => entry.capabilities.probe).map(providerKey),
    };
    this.loop = new Loop(Recovery.name, settings.RECOVERY_INTERVAL_MS, () => this.#recover());
  }

  async #recover(): Promise<boolean> {
    const look = await this.#lookAtLeases();
    try {
      const again = this.#contact.isOfALease && (await this.#judge(look));
      this.#steps += 1;
      if (!again && this.#steps % STEPS_PER_SWEEP === 0) await this.#sweep();
      return again;
    } catch (error) {
      // Not what takes too long: a lock, or a sweep over very much, says nothing about the living.
      if (isOutage(error)) this.#contact.lose();
      throw error;
    }
  }

  /** @returns whether there may be more */
  async #judge({ isAnyExpired, isAnyTooLong, at }: LeaseLook): Promise<boolean> {
    if (isAnyTooLong) await this.#shorten();
    return isAnyExpired && (await this.#takeOver(at));
  }

  /**
   * @param at what had expired by then: were the clock of Postgres set ahead by now, all would have
   * @returns whether there may be more
   */
  async #takeOver(at: Date): Promise<boolean> {
    const expired = { at, limit: BATCH_MAX };
    const freed = await freeExpired(this.#database.manager, this.#knowledge, expired);
    const unknown = await this.#settleLost(expired);
    if (freed + unknown === 0) return false;
    this.#logger.warn({ freed, outcomeUnknown: unknown }, 'took over what a lost worker held');
    this.#dispatcher.noteWaiting();
    return freed === BATCH_MAX || unknown === BATCH_MAX;
  }

  /** Never shorter than the living need, so that only those of the dead will expire; the rest of very many in the next step. */
  async #shorten(): Promise<void> {
    const leases = await shortenLeases(this.#database.manager, BATCH_MAX);
    if (leases === 0) return;
    this.#logger.warn({ leases }, 'leases from before the clock of Postgres was set back');
  }

  async #sweep(): Promise<void> {
    const swept = await inTransaction(this.#database, sweepTargets);
    if (swept === 0) return;
    this.#logger.warn({ targets: swept }, 'targets had nobody ready');
    this.#dispatcher.noteWaiting();
  }

  /** What was sent and must not be repeated, or was claimed too often: nobody can know, and the status says so. */
  async #settleLost(expired: ExpiredBy): Promise<number> {
    return inTransaction(this.#database, async (manager) => {
      const lost = await lockExpiredLost(manager, this.#knowledge, expired);
      if (lost.length === 0) return 0;
      const errorInfo = { code: FAILURE_CODES.outcomeUnknown, message: UNKNOWN, subcode: 0 };
      await settle(
        manager,
        lost.map((claim) => ({ ...claim, type: 'failed' as const, errorInfo })),
      );
      return lost.length;
    });
  }

  /** Proves contact, too. */
  async #lookAtLeases(): Promise<LeaseLook> {
    const askedAtMs = performance.now();
    let look: LeaseLook;
    try {
      look = await lookAtLeases(this.#database.manager);
    } catch (error) {
      this.#contact.lose();
      throw error;
    }
    const clockMs = look.at.getTime();
    const stepMs = this.#contact.note({ askedAtMs, heardAtMs: performance.now(), clockMs });
    if (stepMs !== 0) {
      this.#logger.warn({ stepMs: Math.round(stepMs) }, 'the clock of Postgres was set');
    }
    return look;
  }
}
