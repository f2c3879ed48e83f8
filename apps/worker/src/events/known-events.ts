import type { InsertedAction } from '#database/ingest.queries';
import type { OutboxEvent, OutboxPlace } from '#database/outbox-event';
import { type SettledEvent, type Settlement, isEnd } from '#database/settle.queries';
import type { ReadCommand } from '#domain/command';
import { ShortLivedMap } from '#domain/short-lived';
import { ENDED, type KnownLife, charactersOf, eventAt, hasMore, isPlain } from './known-life.ts';

/** An action that is being stored. */
interface Expected {
  azureTenantId: string;
  /** The sequence of the last of its events that had to be read, as they were committed and the news had not come; else 0. */
  read: number;
}

/** Some thousand actions of the usual size, or a few dozen of the largest: more than wait for the relay unless it is behind. */
const CHARACTERS_MAX = 4_194_304;

/**
 * Events that this worker has itself committed, so that it need not read them to publish them: of actions that are started as
 * they are stored and end with their first attempt, as most do. What happens otherwise, or elsewhere, is not known here. An
 * event never changes for as long as its action is on record, and nothing is known any more once the last event known of is
 * on its way: so what is known is as good as what would be read.
 *
 * `takeNew` gives them as their news comes, each once; what is known of an action has no gap. `take` gives them to whoever has
 * looked into the outbox, which alone says whether one is still to be published.
 */
export class KnownEvents {
  /** All by id; the tenant is compared. */
  readonly #lives = new ShortLivedMap<string, KnownLife>();
  /** Those of them with an event that nobody has taken. */
  readonly #news = new ShortLivedMap<string, KnownLife>();
  readonly #expected = new ShortLivedMap<string, Expected>();
  readonly #charactersMax: number;
  #characters = 0;

  /** @param charactersMax what is known at most, as `charactersOf` counts; beyond, nothing more is until something is forgotten */
  constructor(charactersMax = CHARACTERS_MAX) {
    this.#charactersMax = charactersMax;
  }

  /** Actions are about to be stored: their events may be looked for between their commit and the news of it. */
  expect(commands: readonly ReadCommand[]): void {
    for (const { caller, action } of commands) {
      const id = action.id.toLowerCase();
      const azureTenantId = caller.tenantId;
      // Two may store the same one at once; what the first has to know stays.
      if (this.#expected.get(id)?.azureTenantId === azureTenantId) continue;
      this.#expected.set(id, { azureTenantId, read: 0 });
    }
  }

  /** They were stored, and what has started is known; or they were not. */
  expectNoMore(commands: readonly ReadCommand[]): void {
    for (const { action } of commands) this.#expected.delete(action.id.toLowerCase());
  }

  /**
   * An action that was expected is stored, and that is committed.
   * @returns whether its events are known; else they have to be looked for
   */
  started({ command, claim, positions, ...action }: InsertedAction): boolean {
    const { actionId, azureTenantId } = action;
    // Its id may have been another one's, long ago.
    this.#forget(actionId);
    const expected = this.#expected.get(actionId);
    if (expected?.azureTenantId !== azureTenantId || expected.read >= ENDED) return false;
    if (!claim || positions.started === null || !isPlain(command)) return false;
    const characters = charactersOf(command);
    if (this.#characters + characters > this.#charactersMax) return false;
    this.#characters += characters;
    this.#add(actionId, {
      claim,
      clientRequestId: command.clientRequestId,
      characters,
      positions: [positions.created, positions.started],
      end: undefined,
      taken: expected.read,
    });
    return true;
  }

  /**
   * An attempt was settled, and that is committed. What comes after more than one attempt has to be read.
   * @param event null if it recorded none, or if the attempt had been taken over
   * @returns whether its event is known
   */
  settled(settlement: Settlement, event: SettledEvent | null): boolean {
    const life = this.#lives.get(settlement.actionId);
    if (life?.claim.attemptId !== settlement.attemptId) return false;
    if (!isEnd(settlement) || event?.sequence !== ENDED) {
      this.#forget(settlement.actionId);
      return false;
    }
    const errorInfo = settlement.type === 'completed' ? null : settlement.errorInfo;
    life.end = { type: settlement.type, errorInfo, dateTime: event.dateTime };
    life.positions.push(event.position);
    this.#add(settlement.actionId, life);
    return true;
  }

  /**
   * What has become known and nobody has taken yet, those of an action in their order.
   * @param eventsMax after so many it ends with the last of an action
   */
  takeNew(eventsMax: number): OutboxEvent[] {
    const events: OutboxEvent[] = [];
    for (const life of this.#news.values()) {
      if (events.length >= eventsMax) break;
      events.push(...this.#takeRest(life));
    }
    return events;
  }

  /**
   * The event at a place of the outbox. With the third of its action, or a later one, all that was known of it is forgotten, also
   * if its news comes only now.
   * @returns undefined if it has to be read
   */
  take(place: OutboxPlace): OutboxEvent | undefined {
    const { azureTenantId, actionId, sequence } = place;
    const expected = this.#expected.get(actionId);
    if (expected?.azureTenantId === azureTenantId) expected.read = sequence;
    const life = this.#lives.get(actionId);
    if (!life || life.claim.azureTenantId !== azureTenantId) return undefined;
    life.taken = Math.max(life.taken, sequence);
    if (!hasMore(life)) this.#news.delete(actionId);
    if (sequence >= ENDED) this.#forget(actionId);
    return eventAt(life, place);
  }

  clear(): void {
    this.#lives.clear();
    this.#news.clear();
    this.#expected.clear();
    this.#characters = 0;
  }

  #takeRest(life: KnownLife): OutboxEvent[] {
    const { azureTenantId, actionId } = life.claim;
    const events: OutboxEvent[] = [];
    while (hasMore(life)) {
      const sequence = life.taken + 1;
      const position = life.positions[sequence - 1]!;
      events.push(this.take({ azureTenantId, actionId, sequence, position })!);
    }
    return events;
  }

  #add(actionId: string, life: KnownLife): void {
    this.#lives.set(actionId, life);
    if (hasMore(life)) this.#news.set(actionId, life);
  }

  #forget(actionId: string): void {
    this.#characters -= this.#lives.get(actionId)?.characters ?? 0;
    this.#lives.delete(actionId);
    this.#news.delete(actionId);
  }
}
