import type { Database } from '#database/action-row';
import type { InsertedAction } from '#database/ingest.queries';
import type { OutboxEvent } from '#database/outbox-event';
import { readOutbox } from '#database/outbox.queries';
import type { SettledEvent, Settlement } from '#database/settle.queries';
import type { ReadCommand } from '#domain/command';
import { HeldBack } from './held-back.ts';
import { KnownEvents } from './known-events.ts';
import type { LeftOut } from './send-in-order.ts';

/** What is known goes first, but not for longer than so many of the intervals in which others' events are to be looked for. */
const INTERVALS_WITHOUT_LOOK_MAX = 2;

/** The topic's limit is raised by a person. */
const TOO_LARGE = {
  pauseMs: 60_000,
  pauseMsMax: 60_000,
  level: 'error',
  message: 'events are larger than their topic takes, and wait: raise its max.message.bytes',
} as const;

/** A new leader is there within seconds; replicas that are lost may take hours, and each try sends all that has gathered. */
const UNAVAILABLE = {
  pauseMs: 1000,
  pauseMsMax: 30_000,
  level: 'warn',
  message: 'events wait: their partition takes nothing now, for want of a leader or of replicas',
} as const;

interface Bounds {
  /** How often the outbox is to be looked into for what nobody here knows of. */
  lookIntervalMs: number;
  /** Events at a time, but for the rest of an action's. */
  eventsMax: number;
}

/**
 * What is to be published next. For as long as nothing else is in the outbox than what this worker has committed itself, it
 * is taken from what is known (`KnownEvents`), and the outbox is only looked into now and then. Where others are at work, or
 * after anything unusual, it is looked into each time.
 */
export class NextEvents {
  readonly #database: Database;
  readonly #bounds: Bounds;
  readonly #known = new KnownEvents();
  readonly #tooLarge = new HeldBack(TOO_LARGE);
  readonly #unavailable = new HeldBack(UNAVAILABLE);
  /** The outbox has, or may have, what is not known. */
  #mustLook = true;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(database: Database, bounds: Bounds) {
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

  /** Only the outbox can tell what follows: others have committed it, or something taken may not have been published. */
  mustLook(): void {
    this.#mustLook = true;
  }

  /** Nothing that is known may be published without a look. */
  forget(): void {
    this.#known.clear();
    this.#mustLook = true;
  }

  /** No more can be passed over for now: what is taken next may be what cannot be published. */
  get isStuck(): boolean {
    return this.#tooLarge.isFull || this.#unavailable.isFull;
  }

  /** Passes over for a while what could not be published, by the key of its message. */
  holdBack({ tooLarge, unavailable }: LeftOut<{ key: string }>): void {
    this.#tooLarge.add([...tooLarge].map(({ key }) => key));
    this.#unavailable.add([...unavailable].map(({ key }) => key));
  }

  /**
   * The events that are to be published next, those of an action in their order. They are given once: `mustLook` brings back
   * what was not published then.
   */
  async take(): Promise<OutboxEvent[]> {
    const { lookIntervalMs, eventsMax } = this.#bounds;
    const sinceLookMs = performance.now() - this.#lookedAtMs;
    const mayWait = sinceLookMs < lookIntervalMs * INTERVALS_WITHOUT_LOOK_MAX;
    const isNoneHeldBack = this.#tooLarge.isEmpty && this.#unavailable.isEmpty;
    if (mayWait && !this.#mustLook && isNoneHeldBack) {
      const events = this.#known.takeNew(eventsMax);
      if (events.length > 0 || sinceLookMs < lookIntervalMs) return events;
    }
    return this.#look();
  }

  async #look(): Promise<OutboxEvent[]> {
    const { eventsMax } = this.#bounds;
    // Before the look: what is noted while it is under way may have come too late for it.
    this.#mustLook = false;
    this.#lookedAtMs = performance.now();
    const events = await readOutbox(this.#database, {
      limit: eventsMax,
      without: [...this.#tooLarge.forThisLook(), ...this.#unavailable.forThisLook()],
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
