import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import type { Claim } from '#database/claim.queries';
import { renewLeases, renewUnlocked } from '#database/held-claims.queries';
import { LIFELINE } from '#database/database.module';
import { isStatementTimeout } from '#database/sqlstate';
import { type Holding, Holdings } from './holdings.ts';
import { Loop } from '../process/loop.ts';

/**
 * Renews the leases of everything held, three times per lease, on connections that new work cannot take. What somebody else
 * has locked comes last, and is waited for: whoever waits has the row before a worker that would take it over.
 */
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
    const waitedFor = await this.#renewOf(held, (claims) =>
      renewUnlocked(this.#database.manager, claims, this.#leaseMs),
    );
    if (waitedFor.length === 0) return false;
    try {
      await this.#renewOf(waitedFor, async (claims) => ({
        renewed: await renewLeases(this.#database.manager, claims, this.#leaseMs),
        locked: new Set(),
      }));
      return false;
    } catch (error) {
      if (!isStatementTimeout(error)) throw error;
      return true; // At once: whoever takes over must find nobody gone, and some may be free by now.
    }
  }

  /** @returns those that are locked */
  async #renewOf(
    held: Holding[],
    renew: (claims: Claim[]) => ReturnType<typeof renewUnlocked>,
  ): Promise<Holding[]> {
    const renewedAtMs = performance.now();
    const { renewed, locked } = await renew(held.map(({ claim }) => claim));
    for (const holding of held) {
      const { attemptId } = holding.claim;
      if (renewed.has(attemptId)) holding.leaseEndsAtMs = renewedAtMs + this.#leaseMs;
      else if (!locked.has(attemptId)) holding.lost.abort(new Error('The attempt was taken over.'));
    }
    return held.filter(({ claim }) => locked.has(claim.attemptId));
  }
}
