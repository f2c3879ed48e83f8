import { Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { InjectDataSource } from '@nestjs/typeorm';
import { Settings } from '#config/settings';
import { claimWork } from '#database/claim.queries';
import { inTransaction } from '#database/transaction';
import { Executor } from './executor.ts';
import { Holdings } from './holdings.ts';
import { Loop } from '../process/loop.ts';
import { WORKER_NAME } from '../process/worker-name.ts';

/**
 * Claims what became due or ready after its ingest: retries, the next action on a target, what there was no room
 * for, what a dead worker left. The lookout wakes it for what nobody tells it of.
 */
@Injectable()
export class Dispatcher {
  readonly loop: Loop;
  readonly #database: DataSource;
  readonly #holdings: Holdings;
  readonly #executor: Executor;
  readonly #settings: Settings;
  /** Something may wait that there was no room for: then each place that comes free is worth a look. */
  #mayWait = true;

  constructor(
    @InjectDataSource() database: DataSource,
    holdings: Holdings,
    executor: Executor,
    settings: Settings,
  ) {
    this.#database = database;
    this.#holdings = holdings;
    this.#executor = executor;
    this.#settings = settings;
    this.loop = new Loop(Dispatcher.name, undefined, () => this.#claim());
    executor.onRoom = (madeReady) => {
      if (madeReady > 0 || this.#mayWait) this.loop.wake();
    };
  }

  /** Something was stored, or became ready, and may be waiting now. */
  noteWaiting(): void {
    this.#mayWait = true;
    this.loop.wake();
  }

  async #claim(): Promise<boolean> {
    if (this.#holdings.isFull) {
      this.#mayWait = true;
      return false;
    }
    const lease = { owner: WORKER_NAME, leaseMs: this.#settings.LEASE_MS };
    const wanted = { total: this.#holdings.claimsMax };
    let foundAll = false;
    const held = await this.#holdings.claim(wanted, async (room) => {
      if (room.byProvider.size === 0) return [];
      const turns = new Map(room.turns);
      const claims = await inTransaction(this.#database, (manager) =>
        claimWork(manager, room, lease),
      );
      // Full places, of any provider, hide what waits behind them; and it was cut off where turns have moved on.
      const sawAll = [...room.turns].every(([key, turn]) => turns.get(key) === turn);
      foundAll = claims.length === 0 && sawAll && this.#holdings.isWholeRoom(room);
      return claims;
    });
    this.#mayWait = !foundAll;
    this.#executor.start(held);
    return held.length > 0;
  }
}
