import type { EventType } from '#domain/event';
import type { SecurityAction } from '#domain/security-action';
import type { ActionReference } from './action-row.ts';

/** A place in the outbox: one event that is to be published. */
export interface OutboxPlace extends ActionReference {
  /** A whole number from 1 on, in decimal. */
  position: string;
  sequence: number;
}

/** An event on its way to Kafka, with the resource as it was right after it. */
export interface OutboxEvent {
  position: string;
  type: EventType;
  sequence: number;
  /** When it happened, as the resource shows it. */
  dateTime: string;
  action: SecurityAction;
  /** As the catalogue spelled them when the action was accepted. */
  providerKey: string;
  actionName: string;
  /** What the client called its create. */
  clientRequestId: string | null;
  /** The trace that the action belongs to. */
  traceparent: string | null;
}
