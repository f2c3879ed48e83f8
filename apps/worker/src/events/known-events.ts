import { errorInfoOf } from '#database/action-row';
import type { Claim } from '#database/claim.queries';
import type { OutboxEvent, OutboxPlace } from '#database/outbox-event';
import { type Ending, type SettledEvent, type Settlement, isEnd } from '#database/settle.queries';
import type { ReadCommand } from '#domain/command';
import { EVENT_TYPES, type EventType } from '#domain/event';
import type { ResultInfo, SecurityAction } from '#domain/security-action';
import { ShortLivedMap } from '#domain/short-lived';

/** An action that was started as it was stored: its first two events, and what its third needs. */
interface KnownLife {
  claim: Claim;
  clientRequestId: string | null;
  /** Of its JSON. */
  characters: number;
  end: KnownEnd | undefined;
}

/** How its first attempt ended it. */
interface KnownEnd {
  type: Ending['type'];
  errorInfo: ResultInfo | null;
  dateTime: Date;
}

const CREATED = 1;
const STARTED = 2;
const ENDED = 3;

/** Some thousand actions of the usual size, or a few dozen of the largest: more than wait for the relay unless it is behind. */
const CHARACTERS_MAX = 4_194_304;

/**
 * Events that this worker has itself committed, so that it need not read them to publish them: of actions that are started as
 * they are stored and end with their first attempt, as most do. What happens otherwise, or elsewhere, is not known here. An
 * event never changes for as long as its action is on record, and nothing is known any more once the last event known of is
 * on its way: so what is known is as good as what would be read. Whether it is to be published the outbox alone says.
 *
 * What an event shows is put together here a second time, beside `readEvents`: what changes there has to change here.
 */
export class KnownEvents {
  /** By id; the tenant is compared. */
  readonly #lives = new ShortLivedMap<string, KnownLife>();
  readonly #charactersMax: number;
  #characters = 0;

  /** @param charactersMax what is known at most, as JSON; beyond, nothing more is until something is forgotten */
  constructor(charactersMax = CHARACTERS_MAX) {
    this.#charactersMax = charactersMax;
  }

  /** An action was stored and started, and that is committed. */
  started(command: ReadCommand, claim: Claim): void {
    // Its id may have been another one's, long ago.
    this.#forget(claim.actionId);
    if (!isPlain(command)) return;
    const characters = JSON.stringify(command.action).length;
    if (this.#characters + characters > this.#charactersMax) return;
    this.#characters += characters;
    const { clientRequestId } = command;
    this.#lives.set(claim.actionId, { claim, clientRequestId, characters, end: undefined });
  }

  /**
   * An attempt was settled, and that is committed. What comes after more than one attempt has to be read.
   * @param event null if it recorded none, or if the attempt had been taken over
   */
  settled(settlement: Settlement, event: SettledEvent | null): void {
    const life = this.#lives.get(settlement.actionId);
    if (life?.claim.attemptId !== settlement.attemptId) return;
    if (isEnd(settlement) && event?.sequence === ENDED) {
      const errorInfo = settlement.type === 'completed' ? null : settlement.errorInfo;
      life.end = { type: settlement.type, errorInfo, dateTime: event.dateTime };
    } else this.#forget(settlement.actionId);
  }

  /**
   * The event at a place of the outbox. With the third of its action, or a later one, all that was known of it is forgotten, also
   * if its news comes only now.
   * @returns undefined if it has to be read
   */
  take(place: OutboxPlace): OutboxEvent | undefined {
    const life = this.#lives.get(place.actionId);
    if (!life || life.claim.azureTenantId !== place.azureTenantId) return undefined;
    const { action } = life.claim;
    if (place.sequence === CREATED) return eventOf(life, place, 'created', asCreated(action));
    if (place.sequence === STARTED) return eventOf(life, place, 'started', action);
    this.#forget(place.actionId);
    if (place.sequence !== ENDED || !life.end) return undefined;
    return eventOf(life, place, life.end.type, asEnded(action, life.end));
  }

  clear(): void {
    this.#lives.clear();
    this.#characters = 0;
  }

  #forget(actionId: string): void {
    this.#characters -= this.#lives.get(actionId)?.characters ?? 0;
    this.#lives.delete(actionId);
  }
}

/**
 * Whether its events show what the command says and nothing else. A timer's next step shows in each of them, and Postgres keeps
 * a text with an unpaired surrogate as something else.
 */
function isPlain({ action, caller, clientRequestId }: ReadCommand): boolean {
  const { name, actionReason, clientContext } = action;
  const texts = [name, actionReason, clientContext, caller.appId, caller.user, clientRequestId];
  return (
    !action.revertDateTime &&
    !action.revertAfter &&
    !action.revertsActionId &&
    texts.every((text) => text === null || text.isWellFormed())
  );
}

function eventOf(
  { claim, clientRequestId }: KnownLife,
  { position, sequence }: OutboxPlace,
  type: EventType,
  action: SecurityAction,
): OutboxEvent {
  const { providerKey, actionName, traceparent } = claim;
  const dateTime = new Date(action.lastActionDateTime!);
  return {
    position,
    type,
    sequence,
    dateTime,
    action,
    providerKey,
    actionName,
    clientRequestId,
    traceparent,
  };
}

/** The resource of an action that has started, as it was before. */
function asCreated(started: SecurityAction): SecurityAction {
  return {
    ...started,
    lastActionDateTime: started.createdDateTime,
    states: started.states.slice(0, 1),
    status: 'NotStarted',
  };
}

/** The resource of an action that has started, as its end left it. */
function asEnded(started: SecurityAction, { type, errorInfo, dateTime }: KnownEnd): SecurityAction {
  const status = EVENT_TYPES[type];
  const updatedDateTime = dateTime.toISOString();
  return {
    ...started,
    completedDateTime: updatedDateTime,
    errorInfo: errorInfoOf(errorInfo),
    lastActionDateTime: updatedDateTime,
    states: [...started.states, { appId: null, status, updatedDateTime, user: null }],
    status,
  };
}
