import { setTimeout as delay } from 'node:timers/promises';
import { NotAnswered } from './bounded.ts';
import { mayDoBetterApart, isolate } from './isolation.ts';
import { classifyFailure, isAboutTopic, type KafkaFailure, rootCause } from './kafka-errors.ts';
import type { FatedMessage } from './message-fate.ts';
import type { ProducerLine } from './producer-line.ts';
import { BrokerUnavailable, MessageRefused, PublishTimeout } from './publish-errors.ts';
import type { QueuedMessage } from './publish-queue.ts';
import type { SentMessages } from './sent-messages.ts';

const ATTEMPTS_MAX = 2;
/** Doubled for each attempt made: the first pause is 50 ms. */
const RETRY_DELAY_MS = 25;
const RETRY_DELAY_MS_MAX = 400;

/**
 * Sends batches until each message in them has its fate, and tells its caller. Of one that Kafka has written the caller has
 * heard already, when its partition said so.
 */
export class Delivery {
  readonly #line: ProducerLine;
  readonly #sent: SentMessages;
  readonly #away: (cause: Error) => void;

  /** @param away called when Kafka has not answered, or cannot be reached */
  constructor(line: ProducerLine, sent: SentMessages, away: (cause: Error) => void) {
    this.#line = line;
    this.#sent = sent;
    this.#away = away;
  }

  /** @param batch of one topic; those whose deadline passes meanwhile are not sent, or not again */
  async deliver(batch: QueuedMessage[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      let sent: QueuedMessage[] = [];
      let messages: FatedMessage[] = [];
      const take = () => {
        sent = unsettled(batch);
        messages = sent.map(({ message, fate }) => ({ ...message, fate }));
        addRequests(sent, 1); // For as long as kafkajs is at it.
        return messages;
      };
      const [first] = unsettled(batch);
      if (!first) return;
      const { generation } = this.#line;
      try {
        await this.#line.send(first.topic, take);
        return;
      } catch (error) {
        // From now on what its requests came to, each counted by itself; of one that has said nothing more may come.
        if (!(error instanceof NotAnswered)) addRequests(sent, -1);
        const failure = classifyFailure(error);
        const parts = mayDoBetterApart(sent, failure, error)
          ? isolate(sent, messages, failure)
          : [];
        if (parts.length > 1) {
          await Promise.all(parts.map((part) => this.deliver(part)));
          return;
        }
        if (!this.#mayTryAgain(batch, failure, attempt, error)) {
          this.giveUp(batch, failure, error, generation);
          return;
        }
        await delay(Math.min(RETRY_DELAY_MS * 2 ** attempt, RETRY_DELAY_MS_MAX));
      }
    }
  }

  /**
   * Tells those who wait what became of their messages.
   * @param generation of the line when they were sent: what fails of an earlier one closes no line that has come back since
   */
  giveUp(
    entries: QueuedMessage[],
    failure: KafkaFailure,
    error: unknown,
    generation = this.#line.generation,
  ): void {
    const cause = rootCause(error);
    const options = { cause };
    const isRefused = failure === 'refused' || isAboutTopic(error);
    this.#sent.reject(entries, (fate) => {
      if (failure === 'unanswered') return new PublishTimeout(fate, options);
      if (!isRefused || fate === 'unknown') return new BrokerUnavailable(fate, options);
      return new MessageRefused(`Kafka refused: ${cause.message}`, options);
    });
    const isAway = failure === 'unanswered' || failure === 'unreachable';
    if (isAway && generation === this.#line.generation) this.#away(cause);
  }

  /** A broker that asks for patience gets it until the deadlines pass; one that is away does not. */
  #mayTryAgain(
    batch: QueuedMessage[],
    failure: KafkaFailure,
    attempt: number,
    error: unknown,
  ): boolean {
    // For nobody no more is tried; that Kafka is away is to be known all the same.
    if (!this.#line.open || unsettled(batch).length === 0) return false;
    if (failure === 'transient') return !isAboutTopic(error) || attempt < ATTEMPTS_MAX;
    return failure === 'unreachable' && attempt < ATTEMPTS_MAX;
  }
}

function addRequests(entries: readonly QueuedMessage[], requests: number): void {
  for (const { fate } of entries) fate.requests += requests;
}

function unsettled(entries: readonly QueuedMessage[]): QueuedMessage[] {
  return entries.filter(({ settled }) => !settled);
}
