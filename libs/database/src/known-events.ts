import type { ReadCommand } from '#domain/command';
import type { EventType } from '#domain/event';
import type { ResultInfo, SecurityAction } from '#domain/security-action';
import { ShortLivedMap } from '#domain/short-lived';
import { errorInfoOf } from './action-row.ts';
import type { Claim } from './claim.queries.ts';
import type { OutboxEvent, OutboxPlace } from './outbox-event.ts';
import { type Settlement, type SettledEvent, isEnd } from './settle.queries.ts';

/** An action that was started as it was stored: its first two events, and what its third needs. */
interface KnownLife {
  claim: Claim;
  clientRequestId: string | null;
  end: KnownEnd | undefined;
}

/** How its first attempt ended it. */
interface KnownEnd {
  type: EndType;
  errorInfo: ResultInfo | null;
  dateTime: Date;
}

type EndType = 'completed' | 'failed' | 'cancelled';

const CREATED = 1;
const STARTED = 2;
const ENDED = 3;

/**
 * Events that this process has itself committed, so that it need not read them to publish them: of actions that are started as
 * they are stored and end with their first attempt, as most do. What happens otherwise, or elsewhere, is not known here. An
 * event never changes, so what is known is as good as what would be read; whether it is to be published the outbox alone says.
 */
export class KnownEvents {
  /** By id; the tenant is compared. */
  readonly #lives = new ShortLivedMap<string, KnownLife>();
  readonly #actionsMax: number;

  /** @param actionsMax so many actions are known; beyond, the oldest are forgotten */
  constructor(actionsMax: number) {
    this.#actionsMax = actionsMax;
  }

  /** An action was stored and started, and that is committed. */
  started(command: ReadCommand, claim: Claim): void {
    if (!isPlain(command)) return;
    if (this.#lives.size >= this.#actionsMax) this.#forgetOldest();
    const { clientRequestId } = command;
    this.#lives.set(claim.actionId, { claim, clientRequestId, end: undefined });
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
    } else this.#lives.delete(settlement.actionId);
  }

  /** @returns the event at a place of the outbox, once; undefined if it has to be read */
  at(place: OutboxPlace): OutboxEvent | undefined {
    const life = this.#lives.get(place.actionId);
    if (!life || life.claim.azureTenantId !== place.azureTenantId) return undefined;
    switch (place.sequence) {
      case CREATED:
        return eventOf(life, place, 'created', asCreated(life.claim.action));
      case STARTED:
        return eventOf(life, place, 'started', life.claim.action);
      case ENDED:
        if (!life.end) return undefined;
        this.#lives.delete(place.actionId);
        return eventOf(life, place, life.end.type, asEnded(life.claim.action, life.end));
      default:
        return undefined;
    }
  }

  clear(): void {
    this.#lives.clear();
  }

  #forgetOldest(): void {
    for (const key of this.#lives.keys()) {
      this.#lives.delete(key);
      return;
    }
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
  const status = type === 'completed' ? 'Completed' : 'Failed';
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
