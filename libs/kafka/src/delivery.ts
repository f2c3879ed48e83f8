import { setTimeout as delay } from 'node:timers/promises';
import type { Message, RecordMetadata } from 'kafkajs';
import { NotAnswered } from './bounded.ts';
import { mayDoBetterApart, isolate } from './isolation.ts';
import { classifyFailure, isAboutTopic, type KafkaFailure, rootCause } from './kafka-errors.ts';
import type { DoubtedMessage } from './produce-doubt.ts';
import type { ProducerLine } from './producer-line.ts';
import { BrokerUnavailable, MessageRefused, PublishTimeout } from './publish-errors.ts';
import type { QueuedMessage } from './publish-queue.ts';
import type { SentMessages } from './sent-messages.ts';

const ATTEMPTS_MAX = 2;
const RETRY_DELAY_MS = 25;
const RETRY_DELAY_MS_MAX = 400;

/** What a delivery finds out about Kafka. */
export interface DeliveryEvents {
  acknowledged: () => void;
  /** Kafka has not answered, or cannot be reached. */
  away: (cause: Error) => void;
}

/** Sends batches until each message in them has its fate, and tells its caller. */
export class Delivery {
  readonly #line: ProducerLine;
  readonly #sent: SentMessages;
  readonly #on: DeliveryEvents;

  constructor(line: ProducerLine, sent: SentMessages, on: DeliveryEvents) {
    this.#line = line;
    this.#sent = sent;
    this.#on = on;
  }

  /** @param batch of one topic; those whose deadline passes meanwhile are not sent again */
  async deliver(batch: QueuedMessage[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const waiting = batch.filter((entry) => !entry.settled);
      const [first] = waiting;
      if (!first) return;
      const messages = waiting.map(({ message, doubt }): DoubtedMessage => ({ ...message, doubt }));
      addToDoubt(waiting, 1); // For as long as kafkajs is at it.
      try {
        this.#acknowledge(waiting, messages, await this.#line.send(first.topic, messages));
        return;
      } catch (error) {
        // From now on what its requests came to, each counted by itself; of one that has said nothing more may come.
        if (!(error instanceof NotAnswered)) addToDoubt(waiting, -1);
        const failure = classifyFailure(error);
        const parts = mayDoBetterApart(waiting, failure, error)
          ? isolate(waiting, messages, failure)
          : [];
        if (parts.length > 1) {
          await Promise.all(parts.map((part) => this.deliver(part)));
          return;
        }
        if (!this.#mayTryAgain(failure, attempt, error)) {
          this.giveUp(waiting, failure, error);
          return;
        }
        await delay(Math.min(RETRY_DELAY_MS * 2 ** attempt, RETRY_DELAY_MS_MAX));
      }
    }
  }

  /** Tells those who wait what became of their messages. */
  giveUp(entries: QueuedMessage[], failure: KafkaFailure, error: unknown): void {
    const cause = rootCause(error);
    const options = { cause };
    const isRefused = failure === 'refused' || isAboutTopic(error);
    this.#sent.reject(entries, (fate) => {
      if (failure === 'unanswered') return new PublishTimeout(fate, options);
      if (!isRefused || fate === 'unknown') return new BrokerUnavailable(fate, options);
      return new MessageRefused(`Kafka refused: ${cause.message}`, options);
    });
    if (failure === 'unanswered' || failure === 'unreachable') this.#on.away(cause);
  }

  /** A broker that asks for patience gets it until the deadlines pass; one that is away does not. */
  #mayTryAgain(failure: KafkaFailure, attempt: number, error: unknown): boolean {
    if (!this.#line.open) return false;
    if (failure === 'transient') return !isAboutTopic(error) || attempt < ATTEMPTS_MAX;
    return failure === 'unreachable' && attempt < ATTEMPTS_MAX;
  }

  #acknowledge(entries: QueuedMessage[], messages: Message[], records: RecordMetadata[]): void {
    this.#on.acknowledged();
    const nextOffset = new Map(
      records.map(({ partition, baseOffset = '0' }) => [partition, BigInt(baseOffset)]),
    );
    for (const [index, entry] of entries.entries()) {
      const partition = messages[index]?.partition ?? 0;
      const offset = nextOffset.get(partition) ?? 0n;
      nextOffset.set(partition, offset + 1n);
      this.#sent.acknowledge(entry, { partition, offset: offset.toString() });
    }
  }
}

function addToDoubt(entries: readonly QueuedMessage[], requests: number): void {
  for (const { doubt } of entries) doubt.requests += requests;
}
