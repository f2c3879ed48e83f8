import { setTimeout as delay } from 'node:timers/promises';
import type { EntityManager } from 'typeorm';
import type { InsertedAction } from '#database/ingest.queries';
import type { OutboxEvent, OutboxPlace } from '#database/outbox-event';
import { placesBeside, readOutbox, readPlaces } from '#database/outbox.queries';
import type { SettledEvent, Settlement } from '#database/settle.queries';
import type { ReadCommand } from '#domain/command';
import { HeldBack } from './held-back.ts';
import { HeldPartitions } from './held-partitions.ts';
import { KnownEvents } from './known-events.ts';
import type { LeftOut } from './send-in-order.ts';

/** What is known goes first, but not for longer than so many of the intervals in which others' events are to be looked for. */
const INTERVALS_WITHOUT_LOOK_MAX = 2;

/** To look past very many events of a held partition takes long: others are to have Postgres for longer, up to half a second. */
const REST_FACTOR = 3;
const REST_MS_MAX = 500;
/** Places that are found behind them by one look: more than are read at a time, as each look begins anew. */
const PLACES_BESIDE_MAX = 5000;

interface Bounds {
  /** How often the outbox is to be looked into for what nobody here knows of. */
  lookIntervalMs: number;
  /** Events at a time, but for the rest of an action's. */
  eventsMax: number;
  /** The partition that an action's events go to, if it is known. */
  partitionOf: (actionId: string) => number | undefined;
}

/**
 * What is to be published next. For as long as nothing else is in the outbox than what this worker has committed itself, it
 * is taken from what is known (`KnownEvents`), and the outbox is only looked into now and then. Where others are at work, or
 * after anything unusual, it is looked into each time.
 */
export class NextEvents {
  readonly #database: EntityManager;
  readonly #bounds: Bounds;
  readonly #known = new KnownEvents();
  readonly #tooLarge = new HeldBack();
  readonly #partitions = new HeldPartitions();
  /** What the last look has found beside held partitions, and nobody has taken. */
  #beside: OutboxPlace[] = [];
  #restMs = 0;
  /** The outbox has, or may have, what is not known. */
  #mustLook = true;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(database: EntityManager, bounds: Bounds) {
    this.#database = database;
    this.#bounds = bounds;
  }

  /** Actions are about to be stored. To be followed by `expectNoMore`, whatever comes of it. */
  expectStarts(commands: readonly ReadCommand[]): void {
    this.#known.expect(commands);
  }

  expectNoMore(commands: readonly ReadCommand[]): void {
    this.#known.expectNoMore(commands);
  }

  /** Actions were stored, and that is committed. */
  noteStarted(actions: readonly InsertedAction[]): void {
    for (const action of actions) this.#note(this.#known.started(action));
  }

  /**
   * Attempts were settled, and that is committed.
   * @param settled what counted, by attempt id
   */
  noteSettled(
    settlements: readonly Settlement[],
    settled: ReadonlyMap<string, SettledEvent | null>,
  ): void {
    for (const settlement of settlements) {
      this.#note(this.#known.settled(settlement, settled.get(settlement.attemptId) ?? null));
    }
  }

  /** Others have committed what follows: only the outbox can tell it. */
  noteUnknown(): void {
    this.#mustLook = true;
  }

  /** Something taken may not have been published. */
  mustLook(): void {
    this.#mustLook = true;
    this.#beside = [];
  }

  /** Nothing that is known may be published without a look. */
  forget(): void {
    this.#known.clear();
    this.mustLook();
  }

  /** Whether a partition took nothing lately. */
  isSuspect(partition: number): boolean {
    return this.#partitions.isSuspect(partition);
  }

  /** Passes over for a while what could not be published. */
  holdBack({ keys, partitions }: LeftOut): void {
    this.#tooLarge.add(keys);
    this.#partitions.hold(partitions);
    // What follows of an action must not go by what is known, while its earlier events are still in the outbox.
    if (keys.size + partitions.size > 0) this.mustLook();
  }

  /**
   * The events that are to be published next, those of an action in their order. They are given once: `mustLook` brings back
   * what was not published then.
   */
  async take(): Promise<OutboxEvent[]> {
    const { lookIntervalMs, eventsMax } = this.#bounds;
    const held = this.#partitions.now();
    const sinceLookMs = performance.now() - this.#lookedAtMs;
    const mayWait = sinceLookMs < lookIntervalMs * INTERVALS_WITHOUT_LOOK_MAX;
    if (mayWait && !this.#mustLook && this.#tooLarge.isEmpty && held.size === 0) {
      const events = this.#known.takeNew(eventsMax);
      if (events.length > 0 || sinceLookMs < lookIntervalMs) return events;
    }
    if (held.size > 0) return this.#takeBeside(held);
    this.#beside = [];
    this.#restMs = 0;
    return this.#look();
  }

  /** What is in no held partition. In one of them what is known is not all that comes first. */
  async #takeBeside(held: ReadonlySet<number>): Promise<OutboxEvent[]> {
    this.#mustLook = true;
    if (this.#beside.length === 0) await this.#lookBeside(held);
    return readPlaces(this.#database, this.#beside.splice(0, this.#bounds.eventsMax), (place) =>
      this.#known.take(place),
    );
  }

  async #lookBeside(held: ReadonlySet<number>): Promise<void> {
    await delay(this.#restMs);
    const beganMs = performance.now();
    this.#beside = await placesBeside(this.#database, {
      limit: PLACES_BESIDE_MAX,
      without: this.#tooLarge.forThisLook(),
      skips: ({ actionId }) => held.has(this.#bounds.partitionOf(actionId) ?? -1),
    });
    this.#restMs = Math.min(REST_FACTOR * (performance.now() - beganMs), REST_MS_MAX);
  }

  async #look(): Promise<OutboxEvent[]> {
    const { eventsMax } = this.#bounds;
    // Before the look: what is noted while it is under way may have come too late for it.
    this.#mustLook = false;
    this.#lookedAtMs = performance.now();
    const events = await readOutbox(this.#database, {
      limit: eventsMax,
      without: this.#tooLarge.forThisLook(),
      known: (place) => {
        const event = this.#known.take(place);
        this.#note(event !== undefined);
        return event;
      },
    });
    if (events.length === eventsMax) this.#mustLook = true;
    return events;
  }

  /** Where something was not known, more of its kind is likely to follow. */
  #note(isKnown: boolean): void {
    if (!isKnown) this.#mustLook = true;
  }
}
