import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { renewLeases } from '#database/held-claims.queries';
import { LIFELINE } from '#database/database.module';
import { Holdings } from './holdings.ts';
import { Loop } from './loop.ts';

/** Renews the leases of everything held, three times per lease, on connections that new work cannot take. */
@Injectable()
export class LeaseKeeper {
  readonly loop: Loop;
  readonly #database: DataSource;
  readonly #holdings: Holdings;
  readonly #leaseMs: number;

  constructor(
    @InjectDataSource(LIFELINE) database: DataSource,
    holdings: Holdings,
    settings: Settings,
  ) {
    this.#database = database;
    this.#holdings = holdings;
    this.#leaseMs = settings.LEASE_MS;
    this.loop = new Loop(LeaseKeeper.name, settings.LEASE_MS / 3, () => this.#renew());
  }

  async #renew(): Promise<boolean> {
    const held = this.#holdings.held;
    if (held.length === 0) return false;
    const renewedAtMs = performance.now();
    const claims = held.map(({ claim }) => claim);
    const renewed = await renewLeases(this.#database.manager, claims, this.#leaseMs);
    for (const holding of held) {
      if (renewed.has(holding.claim.attemptId)) holding.leaseEndsAtMs = renewedAtMs + this.#leaseMs;
      else holding.lost.abort(new Error('The attempt was taken over.'));
    }
    return false;
  }
}
