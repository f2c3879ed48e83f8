import { Injectable } from '@nestjs/common';
import type { Context } from '@opentelemetry/api';
import { Settings } from '#config/settings';
import type { Claim, ClaimRoom } from '#database/claim.queries';
import type { SlotGrant } from '#database/provider-slot.queries';
import { ShortLivedMap, ShortLivedSet } from '#domain/short-lived';
import { bearsRepeats } from '#providers/bears-repeats';
import { Catalogue, type ProviderEntry, providerKey } from '#providers/catalogue';
import { traceClaim } from './attempt-trace.ts';
import { Circuits } from './circuits.ts';

/** A claim of this worker, from the claim until its settlement is written. */
export interface Holding {
  claim: Claim;
  entry: ProviderEntry;
  /** When the lease ends at the earliest, by this process's monotonic clock (`performance.now()`). */
  leaseEndsAtMs: number;
  /** Fires when the attempt was taken over or taken back: what it still does counts no more. */
  lost: AbortController;
  /** Somebody wants it cancelled: a call that has not begun must not. */
  cancelWanted: boolean;
  /** Its provider is being asked to take the call back, or was. True: it has. */
  takingBack: Promise<boolean> | null;
  /** When it may be asked that again, by the monotonic clock. */
  takeBackAtMs: number;
  /** What is done for the attempt belongs to this trace. */
  trace: Context;
}

/** What a claim has a use for: in all, and at each provider, where it knows. */
export interface WantedRoom {
  total: number;
  byProvider?: ReadonlyMap<string, number>;
}

/** The dispatcher, and the two writers of the ingest; and one that has just begun. */
const CLAIMS_AT_ONCE = 4;

/**
 * What this worker holds, and so how much more it has room for. Nothing is claimed beyond the room, which is what
 * bounds the memory and the calls of a worker.
 */
@Injectable()
export class Holdings {
  readonly #settings: Settings;
  readonly #catalogue: Catalogue;
  readonly #circuits: Circuits;
  readonly #held = new ShortLivedMap<string, Holding>();
  readonly #usedByProvider = new Map<string, number>();
  readonly #claiming = new ShortLivedSet<Promise<unknown>>();
  readonly #turns: ClaimRoom['turns'] = new Map();
  /** Places at providers, this worker's part of each `concurrencyMax`, and until when they are its own. */
  #slots = new Map<string, number>();
  #slotsEndAtMs = 0;
  readonly repeatable: ReadonlySet<string>;
  #used = 0;
  #closed = false;

  constructor(settings: Settings, catalogue: Catalogue, circuits: Circuits) {
    this.#settings = settings;
    this.#catalogue = catalogue;
    this.#circuits = circuits;
    this.repeatable = new Set(catalogue.providers.filter(bearsRepeats).map(providerKey));
  }

  /**
   * Runs `take` with the room there is, at most what is wanted, reserved meanwhile so that two claims cannot fill the
   * same place, and holds what it returns: claims whose transaction has committed.
   */
  async claim(wanted: WantedRoom, take: (room: ClaimRoom) => Promise<Claim[]>): Promise<Holding[]> {
    const room = this.#room(wanted);
    this.#count(room, 1);
    // The lease runs from some moment after this one: seen from here it may end early, never late.
    const leaseEndsAtMs = performance.now() + this.#settings.LEASE_MS;
    const taken = (async () => take(room))(); // A `take` that throws at once gives back its room too.
    this.#claiming.add(taken);
    try {
      const claims = await taken;
      return claims.map((claim) => this.#hold(claim, leaseEndsAtMs));
    } finally {
      this.#claiming.delete(taken);
      this.#count(room, -1);
    }
  }

  /** Holds what `take` returns beside the room there is: few, and what must not wait for a place. */
  async claimBeyondRoom(take: () => Promise<Claim[]>): Promise<Holding[]> {
    const leaseEndsAtMs = performance.now() + this.#settings.LEASE_MS;
    const taken = take();
    this.#claiming.add(taken);
    try {
      return (await taken).map((claim) => this.#hold(claim, leaseEndsAtMs));
    } finally {
      this.#claiming.delete(taken);
    }
  }

  /**
   * Takes note of this worker's places at each provider.
   * @param endsAtMs until when they are its own, by the monotonic clock
   * @returns whether there are more than before anywhere
   */
  grant(grants: ReadonlyMap<string, SlotGrant>, endsAtMs: number): boolean {
    const before = this.#slots;
    // No new call beyond its share: so it comes down to that while its calls end.
    this.#slots = new Map(
      [...grants].map(([key, { slots, share }]) => [key, Math.min(slots, share)]),
    );
    this.#slotsEndAtMs = endsAtMs;
    return [...this.#slots].some(([key, slots]) => slots > (before.get(key) ?? 0));
  }

  /**
   * Calls to a provider beyond those under way that this worker would begin, had it the places. None while its circuit is
   * open: there may be but one place, and another worker that reaches the provider. One to try it again.
   */
  slotsWanted(key: string): number {
    return this.#closed ? 0 : this.#circuits.limit(key);
  }

  /**
   * Gives up here and now the places at a provider that this worker cannot use: others may have them before it hears so,
   * and by then its circuit may have closed.
   * @returns what it keeps: what is in use, or may be any moment
   */
  yieldSlots(key: string): number {
    const mayBegin = Math.min(this.slotsAt(key), this.slotsWanted(key));
    this.#slots.set(key, mayBegin);
    return Math.max(this.#usedByProvider.get(key) ?? 0, mayBegin);
  }

  /** This worker's places at a provider. After a pause longer than the lease they are others'. */
  slotsAt(key: string): number {
    return performance.now() < this.#slotsEndAtMs ? (this.#slots.get(key) ?? 0) : 0;
  }

  /** Gives the place of a settled or lost claim free. */
  drop({ claim }: Holding): void {
    if (this.#held.delete(claim.attemptId)) this.#countOne(claim, -1);
  }

  /** From now on there is room for nothing: the worker is stopping. Waits for the claims under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#claiming);
  }

  /**
   * What one transaction may claim: not all the room there is, which is its own until it ends. Another one that gets none
   * leaves what it stores to a claim of its own, at a multiple of the cost; and while one waits for a lock, others must be
   * able to claim.
   */
  get claimsMax(): number {
    return Math.ceil(this.#settings.CALLS_IN_FLIGHT_MAX / CLAIMS_AT_ONCE);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get isFull(): boolean {
    return this.#closed || this.#used >= this.#settings.CALLS_IN_FLIGHT_MAX;
  }

  /** Whether it is room at every provider there is. */
  isWholeRoom({ byProvider }: ClaimRoom): boolean {
    return byProvider.size === this.#catalogue.providers.length;
  }

  /** The holding of an attempt, if it is held still. */
  get(attemptId: string): Holding | undefined {
    return this.#held.get(attemptId);
  }

  get held(): Holding[] {
    return [...this.#held.values()];
  }

  #room(wanted: WantedRoom): ClaimRoom {
    const total = this.#closed
      ? 0
      : Math.max(0, Math.min(wanted.total, this.#settings.CALLS_IN_FLIGHT_MAX - this.#used));
    const byProvider = new Map<string, number>();
    for (const entry of this.#catalogue.providers) {
      const key = providerKey(entry);
      const places = Math.min(this.slotsAt(key), this.#circuits.limit(key));
      const free = Math.min(
        places - (this.#usedByProvider.get(key) ?? 0),
        wanted.byProvider ? (wanted.byProvider.get(key) ?? 0) : total,
      );
      if (total > 0 && free > 0) byProvider.set(key, Math.min(free, total));
    }
    return { byProvider, total, repeatable: this.repeatable, turns: this.#turns };
  }

  #hold(claim: Claim, leaseEndsAtMs: number): Holding {
    const entry = this.#catalogue.get(claim.providerKey)!;
    const lost = new AbortController();
    const trace = traceClaim(claim, leaseEndsAtMs - this.#settings.LEASE_MS);
    const holding: Holding = {
      claim,
      entry,
      leaseEndsAtMs,
      lost,
      cancelWanted: false,
      takingBack: null,
      takeBackAtMs: 0,
      trace,
    };
    this.#held.set(claim.attemptId, holding);
    this.#countOne(claim, 1);
    return holding;
  }

  #count({ byProvider, total }: ClaimRoom, sign: 1 | -1): void {
    this.#used += sign * total;
    for (const [key, places] of byProvider) this.#countAt(key, sign * places);
  }

  #countOne({ providerKey: key }: Claim, sign: 1 | -1): void {
    this.#used += sign;
    this.#countAt(key, sign);
  }

  #countAt(key: string, places: number): void {
    this.#usedByProvider.set(key, (this.#usedByProvider.get(key) ?? 0) + places);
  }
}
