import { dispatchId } from '#domain/ids';
import type { SecurityAction } from '#domain/security-action';
import { type KafkaEntry, dispatchTopic } from './kafka-entry.ts';
import type { Attempt, Outcome, Provider } from './provider.ts';
import { traceHeaders } from './trace-headers.ts';
import type { WebhookRequest } from './webhook-messages.ts';

/** A message on its way to a dispatch topic. */
export interface Dispatch {
  topic: `dispatch.${string}`;
  key: string;
  value: string;
  /** The trace of the call, if there is one. */
  headers: Record<string, string>;
}

/** What became of a message: on the topic, surely not on it, or nobody knows. */
export type Dispatched = { fate: 'written' } | { fate: 'notWritten' | 'unknown'; reason: string };

/**
 * A product that reads a topic: it is told there what to do, and reports later. Messages on one target have one key, and so
 * keep their order.
 *
 * However often an action is dispatched (after a crash, after silence), its `attemptId` is the same: to a product that drops
 * repeats by the action id these are one attempt, and what it reports of it counts.
 */
export class KafkaProvider implements Provider {
  readonly #topic: Dispatch['topic'];
  readonly #publish: (dispatch: Dispatch) => Promise<Dispatched>;

  constructor(entry: KafkaEntry, publish: (dispatch: Dispatch) => Promise<Dispatched>) {
    this.#topic = dispatchTopic(entry);
    this.#publish = publish;
  }

  async execute(action: SecurityAction, attempt: Attempt, signal: AbortSignal): Promise<Outcome> {
    if (signal.aborted) return { kind: 'unavailable', reason: 'no time was left to write it' };
    const message: WebhookRequest = {
      action,
      attempt: attempt.number,
      attemptId: dispatchId(action.azureTenantId, action.id),
    };
    const published = this.#publish({
      topic: this.#topic,
      key: attempt.targetKey ?? action.id,
      value: JSON.stringify(message),
      headers: traceHeaders(),
    });
    return Promise.race([published.then(outcomeOf), fired(signal)]);
  }
}

function outcomeOf(dispatched: Dispatched): Outcome {
  switch (dispatched.fate) {
    case 'written':
      return { kind: 'accepted' };
    case 'notWritten':
      return { kind: 'unavailable', reason: dispatched.reason };
    case 'unknown':
      return { kind: 'mayHaveActed', reason: dispatched.reason };
  }
}

function fired(signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve) => {
    const giveUp = () =>
      resolve({ kind: 'mayHaveActed', reason: 'Kafka did not confirm it in time' });
    signal.addEventListener('abort', giveUp, { once: true });
  });
}
