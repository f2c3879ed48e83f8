import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { LIFELINE } from '#database/database.module';
import { dropSlots, leaseSlots } from '#database/provider-slot.queries';
import { inTransaction } from '#database/transaction';
import { Catalogue, providerKey } from '#providers/catalogue';
import { Circuits } from './circuits.ts';
import { Dispatcher } from './dispatcher.ts';
import { Holdings } from './holdings.ts';
import { Loop } from '../process/loop.ts';
import { WORKER_NAME } from '../process/worker-name.ts';

/** How soon a worker that came or went is noticed by the others. */
const INTERVAL_MS_MAX = 1000;

/** Keeps this worker's part of the places at each provider, and says which providers it serves. */
@Injectable()
export class SlotKeeper {
  readonly loop: Loop;
  readonly #database: DataSource;
  readonly #catalogue: Catalogue;
  readonly #circuits: Circuits;
  readonly #holdings: Holdings;
  readonly #dispatcher: Dispatcher;
  readonly #leaseMs: number;

  constructor(
    @InjectDataSource(LIFELINE) database: DataSource,
    catalogue: Catalogue,
    circuits: Circuits,
    holdings: Holdings,
    dispatcher: Dispatcher,
    settings: Settings,
  ) {
    this.#database = database;
    this.#catalogue = catalogue;
    this.#circuits = circuits;
    this.#holdings = holdings;
    this.#dispatcher = dispatcher;
    this.#leaseMs = settings.LEASE_MS;
    const intervalMs = Math.min(INTERVAL_MS_MAX, settings.LEASE_MS / 3);
    this.loop = new Loop(SlotKeeper.name, intervalMs, () => this.#renew());
    circuits.onChange = () => this.loop.wake();
  }

  /** Stops, and leaves the places to the other workers if Postgres is there. */
  async stop(): Promise<void> {
    await this.loop.stop();
    // Away: they expire by themselves.
    await dropSlots(this.#database.manager, WORKER_NAME).catch(() => undefined);
  }

  async #renew(): Promise<boolean> {
    const endsAtMs = performance.now() + this.#leaseMs;
    const requests = this.#catalogue.providers.map((entry) => ({
      providerKey: providerKey(entry),
      concurrencyMax: entry.concurrencyMax,
      floor: this.#holdings.yieldSlots(providerKey(entry)),
      wanted: Math.min(entry.concurrencyMax, this.#holdings.slotsWanted(providerKey(entry))),
      circuitOpen: this.#circuits.isOpen(providerKey(entry)),
    }));
    const lease = { owner: WORKER_NAME, leaseMs: this.#leaseMs };
    const grants = await inTransaction(this.#database, (manager) =>
      leaseSlots(manager, requests, lease),
    );
    if (this.#holdings.grant(grants, endsAtMs)) this.#dispatcher.noteWaiting();
    return false;
  }
}
