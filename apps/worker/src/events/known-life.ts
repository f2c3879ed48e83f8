import { errorInfoOf } from '#database/action-row';
import type { Claim } from '#database/claim.queries';
import type { OutboxEvent, OutboxPlace } from '#database/outbox-event';
import type { Ending } from '#database/settle.queries';
import type { ReadCommand } from '#domain/command';
import { EVENT_TYPES, type EventType } from '#domain/event';
import { isoText } from '#domain/iso-text';
import type { ResultInfo, SecurityAction } from '#domain/security-action';

/** An action that was started as it was stored: its first two events, and what its third needs. */
export interface KnownLife {
  claim: Claim;
  clientRequestId: string | null;
  /** See `charactersOf`. */
  characters: number;
  /** Of its events in the outbox, by sequence; the first is of sequence 1. */
  positions: string[];
  end: KnownEnd | undefined;
  /** The sequence of the last of its events that was taken; 0 if none was. */
  taken: number;
}

/** How its first attempt ended it. */
interface KnownEnd {
  type: Ending['type'];
  errorInfo: ResultInfo | null;
  dateTime: Date;
}

const CREATED = 1;
const STARTED = 2;
export const ENDED = 3;

/** Whether events of it are known that nobody has taken. */
export function hasMore({ taken, positions }: KnownLife): boolean {
  return taken < positions.length;
}

/**
 * The event at one of its places. What it shows is put together here, from the claim that `ingest.queries.ts` makes, a
 * second time beside `readEvents`: what changes there has to change in these two.
 * @returns undefined if it is none of those that are known
 */
export function eventAt(life: KnownLife, place: OutboxPlace): OutboxEvent | undefined {
  const { action } = life.claim;
  if (place.sequence === CREATED) return eventOf(life, place, 'created', asCreated(action));
  if (place.sequence === STARTED) return eventOf(life, place, 'started', action);
  if (place.sequence !== ENDED || !life.end) return undefined;
  return eventOf(life, place, life.end.type, asEnded(action, life.end));
}

/**
 * Whether its events show what the command says and nothing else. A timer's next step shows in each of them, and Postgres keeps
 * a text with an unpaired surrogate as something else.
 */
export function isPlain({ action, caller, clientRequestId }: ReadCommand): boolean {
  const { name, actionReason, clientContext } = action;
  const texts = [name, actionReason, clientContext, caller.appId, caller.user, clientRequestId];
  return (
    !action.revertDateTime &&
    !action.revertAfter &&
    !action.revertsActionId &&
    texts.every((text) => text === null || text.isWellFormed())
  );
}

/** Names of properties, ids and times. */
const CHARACTERS_ANYWAY = 400;
/** `{"name":"","value":""},` */
const CHARACTERS_OF_PARAMETER = 23;

/**
 * How long an action is as JSON, but for what has to be escaped. To write it takes its time, and nearly all have no properties
 * of their own.
 */
export function charactersOf({ action }: ReadCommand): number {
  const { name, actionReason, clientContext, parameters, vendorInformation, properties } = action;
  const texts = [name, actionReason, clientContext, ...Object.values(vendorInformation)];
  let characters = CHARACTERS_ANYWAY;
  for (const text of texts) characters += text?.length ?? 0;
  for (const parameter of parameters) {
    characters += CHARACTERS_OF_PARAMETER + parameter.name.length + (parameter.value?.length ?? 0);
  }
  const hasOwn = Object.keys(properties).length > 0;
  return characters + (hasOwn ? JSON.stringify(properties).length : 0);
}

function eventOf(
  { claim, clientRequestId }: KnownLife,
  { position, sequence }: OutboxPlace,
  type: EventType,
  action: SecurityAction,
): OutboxEvent {
  const { providerKey, actionName, traceparent } = claim;
  return {
    position,
    type,
    sequence,
    dateTime: action.lastActionDateTime!,
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
  const updatedDateTime = isoText(dateTime);
  return {
    ...started,
    completedDateTime: updatedDateTime,
    errorInfo: errorInfoOf(errorInfo),
    lastActionDateTime: updatedDateTime,
    states: [...started.states, { appId: null, status, updatedDateTime, user: null }],
    status,
  };
}
