import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { isTransient } from '#database/sqlstate';
import { type StoredAction, findStored } from '#database/stored.queries';
import type { ReceivedCreate } from '#providers/create-command';

/**
 * Tells requests that are actions already from those that can never be one. The clock and the catalogue refuse today what they
 * let through when the same message, or the same create under its key, came first.
 */
@Injectable()
export class KnownRequests {
  readonly #logger = new Logger(KnownRequests.name);
  readonly #database: DataSource;

  constructor(@InjectDataSource() database: DataSource) {
    this.#database = database;
  }

  /**
   * Those of the requests that are actions on record, or were when they were accepted. None while Postgres is away: the door does
   * not wait for it, and what is put aside by mistake does not run again.
   */
  async among(requests: ReceivedCreate[]): Promise<Set<ReceivedCreate>> {
    const stored = await this.#find(requests);
    const byKey = new Map(
      stored.map((action) => [keyOf(action.azureTenantId, action.actionId), action]),
    );
    return new Set(
      requests.filter(({ caller, id, acceptedAt }) => {
        const action = byKey.get(keyOf(caller.tenantId, id));
        if (!action) return false;
        return action.deletedDateTime === null || acceptedAt <= action.deletedDateTime;
      }),
    );
  }

  async #find(requests: ReceivedCreate[]): Promise<StoredAction[]> {
    try {
      return await findStored(
        this.#database.manager,
        requests.map(({ caller, id }) => ({ azureTenantId: caller.tenantId, actionId: id })),
      );
    } catch (error) {
      if (!isTransient(error)) throw error;
      this.#logger.warn(
        { err: error },
        'requests are put aside unseen, if they are actions already',
      );
      return [];
    }
  }
}

/** An id says nothing beyond its tenant. */
function keyOf(tenantId: string, id: string): string {
  return `${tenantId}\n${id}`;
}
