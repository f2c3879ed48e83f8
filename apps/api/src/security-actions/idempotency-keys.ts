import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import type { ActionRow } from '#database/action-row';
import { KEY_LOOK_UPS } from '#database/database.module';
import { findByKey } from '#database/idempotency-key.queries';
import { isTransient } from '#database/sqlstate';
import type { Caller } from '#domain/caller';
import { ApiError } from '#domain/errors';
import { ShortLivedMap } from '#domain/short-lived';
import { ReadYourWrite } from './read-your-write.ts';

/** Keys of creates that this process has accepted: a few megabytes. Once they are stored they do not matter any more. */
const REMEMBERED_MAX = 10_000;
/** Look-ups that may wait for a connection: with Postgres away there is no use in more. */
const LOOK_UPS_MAX = 500;

/**
 * Tells a create that was sent before by its `Idempotency-Key`, as far as that can be known at once. What cannot, such as
 * two creates at the same time or a Postgres that is away, the ingest decides.
 */
@Injectable()
export class IdempotencyKeys {
  readonly #database: DataSource;
  readonly #readYourWrite: ReadYourWrite;
  readonly #lookUpMs: number;
  readonly #remembered = new ShortLivedMap<string, string>();
  #lookUps = 0;

  constructor(
    @InjectDataSource(KEY_LOOK_UPS) database: DataSource,
    readYourWrite: ReadYourWrite,
    settings: Settings,
  ) {
    this.#database = database;
    this.#readYourWrite = readYourWrite;
    this.#lookUpMs = settings.KEY_LOOKUP_MS;
  }

  /**
   * The action that was made under the key before, by a create of the same id; undefined if there is none, or if that
   * cannot be told in KEY_LOOKUP_MS.
   * @throws ApiError `idempotencyKeyReuse` if the key stands for another create, or for an action that was deleted
   */
  async find(caller: Caller, key: string, id: string): Promise<ActionRow | undefined> {
    const row = await this.#lookUp(caller, key);
    if ((row?.id ?? this.#remembered.get(nameOf(caller, key)) ?? id) !== id) {
      throw keyReused('The Idempotency-Key was used before, for a request with another body.');
    }
    if (row?.deletedDateTime) {
      throw keyReused('The action that this Idempotency-Key stands for has been deleted.');
    }
    return row;
  }

  /**
   * The same for a create that would be refused if it had not come before: that must be told, so what was accepted is
   * waited for, as a read waits for it.
   * @throws ApiError as `find`; `notYetVisible` when it cannot be told in READ_WAIT_MS
   */
  async findOnItsWay(caller: Caller, key: string, id: string): Promise<ActionRow | undefined> {
    const row = await this.find(caller, key, id);
    if (row) return row;
    try {
      await this.#readYourWrite.find(caller, id);
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'itemNotFound') throw error;
    }
    // By its key: the action of the id may be one whose key another one had taken.
    return await this.find(caller, key, id);
  }

  /** To be told when Kafka has the create: from then on the key is taken, stored or not. */
  remember(caller: Caller, key: string, id: string): void {
    const name = nameOf(caller, key);
    this.#remembered.delete(name);
    if (this.#remembered.size >= REMEMBERED_MAX) {
      const [oldest] = this.#remembered.keys();
      this.#remembered.delete(oldest!);
    }
    this.#remembered.set(name, id);
  }

  /** Never waits longer than KEY_LOOKUP_MS: creates must go on while Postgres is away or hangs. */
  async #lookUp(caller: Caller, key: string): Promise<ActionRow | undefined> {
    if (this.#lookUps >= LOOK_UPS_MAX) return undefined;
    const answered = new AbortController();
    const late = delay(this.#lookUpMs, undefined, { signal: answered.signal }).catch(
      () => undefined,
    );
    try {
      return await Promise.race([this.#ask(caller, key), late]);
    } finally {
      answered.abort();
    }
  }

  async #ask(caller: Caller, key: string): Promise<ActionRow | undefined> {
    this.#lookUps += 1;
    try {
      return await findByKey(this.#database.manager, caller, key);
    } catch (error) {
      if (!isTransient(error)) throw error;
      return undefined;
    } finally {
      this.#lookUps -= 1;
    }
  }
}

function nameOf({ tenantId, appId }: Caller, key: string): string {
  return JSON.stringify([tenantId, appId, key]);
}

function keyReused(reason: string): ApiError {
  return new ApiError('idempotencyKeyReuse', `${reason} Nothing was created. Choose another key.`, {
    target: 'Idempotency-Key',
  });
}
