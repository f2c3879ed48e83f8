import { Injectable } from '@nestjs/common';
import { Settings } from '#config/settings';
import type { Claim, ClaimRoom } from '#database/claim.queries';
import { Catalogue, type ProviderEntry, providerKey } from '#providers/catalogue';

/** A claim of this worker, from the claim until its settlement is written. */
export interface Holding {
  claim: Claim;
  entry: ProviderEntry;
  /** When the lease ends at the earliest, by this process's monotonic clock (`performance.now()`). */
  leaseEndsAtMs: number;
  /** Fires when the attempt was taken over: what it still does counts no more. */
  lost: AbortController;
}

/**
 * What this worker holds, and so how much more it has room for. Nothing is claimed beyond the room, which is what
 * bounds the memory and the calls of a worker.
 */
@Injectable()
export class Holdings {
  readonly #settings: Settings;
  readonly #catalogue: Catalogue;
  readonly #held = new Map<string, Holding>();
  readonly #usedByProvider = new Map<string, number>();
  readonly #claiming = new Set<Promise<unknown>>();
  readonly #repeatable: ReadonlySet<string>;
  #used = 0;
  #closed = false;

  constructor(settings: Settings, catalogue: Catalogue) {
    this.#settings = settings;
    this.#catalogue = catalogue;
    this.#repeatable = new Set(
      catalogue.providers.filter((entry) => entry.capabilities.idempotent).map(providerKey),
    );
  }

  /**
   * Runs `take` with the room there is, at most `limit`, reserved meanwhile so that two claims cannot fill the
   * same place, and holds what it returns: claims whose transaction has committed.
   */
  async claim(limit: number, take: (room: ClaimRoom) => Promise<Claim[]>): Promise<Holding[]> {
    const room = this.#room(limit);
    this.#count(room.byProvider, room.total);
    // The lease runs from some moment after this one: seen from here it may end early, never late.
    const leaseEndsAtMs = performance.now() + this.#settings.LEASE_MS;
    const taken = (async () => take(room))(); // A `take` that throws at once gives back its room too.
    this.#claiming.add(taken);
    try {
      const claims = await taken;
      return claims.map((claim) => this.#hold(claim, leaseEndsAtMs));
    } finally {
      this.#claiming.delete(taken);
      this.#count(negated(room.byProvider), -room.total);
    }
  }

  /** Gives the place of a settled or lost claim free. */
  drop({ claim }: Holding): void {
    if (this.#held.delete(claim.attemptId)) this.#count(new Map([[claim.providerKey, 1]]), 1, -1);
  }

  /** From now on there is room for nothing: the worker is stopping. Waits for the claims under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#claiming);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get isFull(): boolean {
    return this.#closed || this.#used >= this.#settings.CALLS_IN_FLIGHT_MAX;
  }

  get held(): Holding[] {
    return [...this.#held.values()];
  }

  #room(limit: number): ClaimRoom {
    const total = this.#closed
      ? 0
      : Math.max(0, Math.min(limit, this.#settings.CALLS_IN_FLIGHT_MAX - this.#used));
    const byProvider = new Map<string, number>();
    for (const entry of this.#catalogue.providers) {
      const key = providerKey(entry);
      const free = entry.concurrencyMax - (this.#usedByProvider.get(key) ?? 0);
      if (total > 0 && free > 0) byProvider.set(key, Math.min(free, total));
    }
    return { byProvider, total, repeatable: this.#repeatable };
  }

  #hold(claim: Claim, leaseEndsAtMs: number): Holding {
    const entry = this.#catalogue.get(claim.providerKey)!;
    const holding = { claim, entry, leaseEndsAtMs, lost: new AbortController() };
    this.#held.set(claim.attemptId, holding);
    this.#count(new Map([[claim.providerKey, 1]]), 1);
    return holding;
  }

  #count(byProvider: ReadonlyMap<string, number>, total: number, sign = 1): void {
    this.#used += sign * total;
    for (const [key, places] of byProvider) {
      this.#usedByProvider.set(key, (this.#usedByProvider.get(key) ?? 0) + sign * places);
    }
  }
}

function negated(places: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...places].map(([key, count]) => [key, -count]));
}
