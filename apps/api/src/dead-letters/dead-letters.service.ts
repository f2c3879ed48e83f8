import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import {
  type DeadLetterQuery,
  decideDeadLetter,
  findDeadLetter,
  findDeadLetters,
} from '#database/dead-letter.queries';
import type { DeadLetterEntity } from '#database/entities/dead-letter.entity';
import type { Caller } from '#domain/caller';
import { type DeadLetter, type OpenedDeadLetter, parseDecision } from '#domain/dead-letter';
import { ApiError } from '#domain/errors';
import { isActionId } from '#domain/ids';
import type { PageEndByTime } from '#domain/newest-first';
import { tenantOperatedBy } from '../auth/operator.ts';
import { openDeadLetter, presentDeadLetter } from './present-dead-letter.ts';
import { Replay } from './replay.ts';

/** What an operator does about dead letters: those of the token's tenant, unless that is one of OPERATOR_TENANTS. */
@Injectable()
export class DeadLettersService {
  readonly #logger = new Logger(DeadLettersService.name);
  readonly #database: DataSource;
  readonly #replay: Replay;
  readonly #settings: Settings;

  constructor(@InjectDataSource() database: DataSource, replay: Replay, settings: Settings) {
    this.#database = database;
    this.#replay = replay;
    this.#settings = settings;
  }

  async list(
    caller: Caller,
    query: DeadLetterQuery,
  ): Promise<{ letters: DeadLetter[]; end: PageEndByTime | null }> {
    const { limit, filter } = query;
    const { topic } = filter;
    // One more than asked for tells whether there is a next page.
    const rows = await findDeadLetters(
      this.#database.manager,
      tenantOperatedBy(caller, this.#settings),
      { ...query, limit: limit === 0 ? 0 : limit + 1 },
      topic === undefined ? null : [topic, `${this.#prefix}.${topic}`],
    );
    const letters = rows.slice(0, limit).map((row) => presentDeadLetter(row, this.#prefix));
    const last = rows.length > limit ? letters.at(-1) : undefined;
    return {
      letters,
      end: last ? { createdDateTime: last.createdDateTime, id: last.id } : null,
    };
  }

  /** @throws ApiError `itemNotFound`, also when the caller may not know of it */
  async get(caller: Caller, id: string): Promise<OpenedDeadLetter> {
    return openDeadLetter(await this.#find(caller, id), this.#prefix);
  }

  /**
   * Sends what a letter holds again, for who had sent it; one that was replayed before stays as it is. On record once
   * it is sent: after a crash in between it is replayed again, under the same id.
   * @throws ApiError `itemNotFound`; `conflict` for one that was discarded, or that nobody could send; whatever is still
   * wrong with it
   */
  async replay(caller: Caller, id: string, body: unknown): Promise<DeadLetter> {
    const reason = parseDecision(body);
    const letter = await this.#find(caller, id);
    if (letter.state === 'discarded') {
      throw new ApiError('conflict', 'The letter has been discarded.');
    }
    if (letter.state === 'open') {
      const actionId = await this.#replay.run(letter);
      // Also if somebody has discarded it meanwhile: it has been sent.
      await decideDeadLetter(this.#database.manager, letter, {
        from: ['open', 'discarded'],
        to: 'replayed',
        by: caller,
        reason,
        actionId,
      });
      this.#logger.warn({ deadLetterId: id, actionId, by: caller.appId }, 'dead letter replayed');
    }
    return presentDeadLetter(await this.#find(caller, id), this.#prefix);
  }

  /**
   * Puts on record that a letter needs nothing more; one that was discarded before stays as it is.
   * @throws ApiError `itemNotFound`; `conflict` for one that was replayed
   */
  async discard(caller: Caller, id: string, body: unknown): Promise<DeadLetter> {
    const reason = parseDecision(body);
    const letter = await this.#find(caller, id);
    await decideDeadLetter(this.#database.manager, letter, {
      from: ['open'],
      to: 'discarded',
      by: caller,
      reason,
      actionId: null,
    });
    const decided = await this.#find(caller, id);
    if (decided.state === 'replayed') {
      throw new ApiError('conflict', 'The letter has been replayed: see its actionId.');
    }
    if (letter.state === 'open') {
      this.#logger.warn({ deadLetterId: id, by: caller.appId }, 'dead letter discarded');
    }
    return presentDeadLetter(decided, this.#prefix);
  }

  get #prefix(): string {
    return this.#settings.KAFKA_TOPIC_PREFIX;
  }

  async #find(caller: Caller, id: string): Promise<DeadLetterEntity> {
    const letter = isActionId(id)
      ? await findDeadLetter(
          this.#database.manager,
          tenantOperatedBy(caller, this.#settings),
          id.toLowerCase(),
        )
      : undefined;
    if (!letter) throw new ApiError('itemNotFound');
    return letter;
  }
}
