import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { LIFELINE } from '#database/database.module';
import type { HoldEntity } from '#database/entities/hold.entity';
import {
  type HoldQuery,
  type InFlight,
  STANDING_HOLDS_MAX,
  countHeld,
  createHold,
  findHold,
  findHolds,
  findInFlight,
  releaseHold,
} from '#database/hold.queries';
import { inTransaction } from '#database/transaction';
import type { Caller } from '#domain/caller';
import { ApiError } from '#domain/errors';
import { type Hold, type HoldInForce, parseHoldRequest } from '#domain/hold';
import { isActionId, newActionId } from '#domain/ids';
import type { PageEndByTime } from '#domain/newest-first';
import { Catalogue } from '#providers/catalogue';
import { resolveScope } from '#providers/resolve-scope';
import { tenantOperatedBy } from '../auth/operator.ts';
import { presentHold, presentHoldInForce } from './present-hold.ts';

/** The emergency stop. An operator acts within the token's tenant, unless that is one of OPERATOR_TENANTS. */
@Injectable()
export class HoldsService {
  readonly #logger = new Logger(HoldsService.name);
  readonly #database: DataSource;
  readonly #catalogue: Catalogue;
  readonly #settings: Settings;

  constructor(
    @InjectDataSource(LIFELINE) database: DataSource,
    catalogue: Catalogue,
    settings: Settings,
  ) {
    this.#database = database;
    this.#catalogue = catalogue;
    this.#settings = settings;
  }

  /**
   * Sets a hold. When this returns, nothing that it covers is claimed any more; what was claimed before is listed.
   * @throws ApiError for a body that is wrong; `Authorization_RequestDenied` for another tenant than one's own;
   * `conflict` when too many stand already
   */
  async create(caller: Caller, body: unknown): Promise<HoldInForce> {
    const request = parseHoldRequest(body);
    const scope = {
      azureTenantId: this.#tenantToHold(caller, request.azureTenantId),
      ...resolveScope(this.#catalogue, request),
    };
    const wanted = { id: newActionId(), reason: request.reason, ...scope };
    const created = await inTransaction(this.#database, (manager) =>
      createHold(manager, caller, wanted),
    );
    if (created === undefined) {
      throw new ApiError(
        'conflict',
        `${STANDING_HOLDS_MAX} holds of your tenant stand already; release some, or hold more with one.`,
      );
    }
    this.#logger.warn({ holdId: wanted.id, ...scope, by: caller.appId }, 'hold set');
    return this.#inForce(created.hold, created.inFlight);
  }

  /** One more than `limit` tells whether there is a next page. */
  async list(
    caller: Caller,
    query: HoldQuery,
  ): Promise<{ holds: Hold[]; end: PageEndByTime | null }> {
    const { limit } = query;
    const rows = await findHolds(this.#database.manager, tenantOperatedBy(caller, this.#settings), {
      ...query,
      limit: limit === 0 ? 0 : limit + 1,
    });
    const holds = rows.slice(0, limit).map((row) => presentHold(this.#catalogue, row));
    const last = rows.length > limit ? holds.at(-1) : undefined;
    return {
      holds,
      end: last ? { createdDateTime: last.createdDateTime, id: last.id } : null,
    };
  }

  /** @throws ApiError `itemNotFound`, also when the caller may not know of it */
  async get(caller: Caller, id: string): Promise<HoldInForce> {
    const hold = await this.#find(caller, id);
    if (hold.releasedDateTime) return presentHold(this.#catalogue, hold);
    return this.#inForce(hold, await findInFlight(this.#database.manager, hold));
  }

  /**
   * Releases a hold; one that was released before stays as it was.
   * @throws ApiError `itemNotFound`; `Authorization_RequestDenied` when an operator of every tenant has set it and the
   * caller is none: what is stopped from above cannot be let go from below
   */
  async release(caller: Caller, id: string): Promise<Hold> {
    const hold = await this.#find(caller, id);
    if (
      tenantOperatedBy(caller, this.#settings) !== null &&
      hold.createdByTenantId !== caller.tenantId
    ) {
      throw new ApiError(
        'Authorization_RequestDenied',
        'An operator of the service has set this hold; only such a one can release it.',
      );
    }
    await releaseHold(this.#database.manager, caller, hold.id);
    this.#logger.warn({ holdId: hold.id, by: caller.appId }, 'hold released');
    return presentHold(this.#catalogue, await this.#find(caller, id));
  }

  async #inForce(hold: HoldEntity, inFlight: InFlight): Promise<HoldInForce> {
    const heldCount = await this.#countHeld(hold);
    return presentHoldInForce(this.#catalogue, hold, { heldCount, inFlight });
  }

  /** Null if it fails: the hold stands, and an error would say that it does not. */
  async #countHeld(hold: HoldEntity): Promise<number | null> {
    try {
      return await countHeld(this.#database.manager, hold);
    } catch (error) {
      this.#logger.warn({ err: error, holdId: hold.id }, 'what is held could not be counted');
      return null;
    }
  }

  async #find(caller: Caller, id: string): Promise<HoldEntity> {
    const hold = isActionId(id)
      ? await findHold(this.#database.manager, tenantOperatedBy(caller, this.#settings), id)
      : undefined;
    if (!hold) throw new ApiError('itemNotFound');
    return hold;
  }

  #tenantToHold(caller: Caller, asked: string | null): string | null {
    const own = tenantOperatedBy(caller, this.#settings);
    if (own === null) return asked;
    if (asked === null || asked.toLowerCase() === own.toLowerCase()) return own;
    throw new ApiError(
      'Authorization_RequestDenied',
      `azureTenantId: must be the tenant of the token; only a tenant in OPERATOR_TENANTS can hold others.`,
      { target: 'azureTenantId' },
    );
  }
}
