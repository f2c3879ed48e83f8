import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Kafka } from 'kafkajs';
import { Settings } from '#config/settings';
import { inRequests } from './in-requests.ts';
import { classifyFailure, isTooLarge, rootCause } from './kafka-errors.ts';
import { ProducerLine } from './producer-line.ts';
import { BrokerUnavailable } from './publish-errors.ts';
import type { Topic } from './topics.ts';

/** A message whose place behind the ones before it counts. */
export interface OrderedMessage {
  key: string;
  value: string;
  headers: Record<string, string>;
}

/**
 * Publishes runs of messages so that none can be in the log before those ahead of it in its run: one request at a time,
 * the next when all in-sync replicas have the last, nothing more after a failure. The `Publisher` has several under way, of
 * which an earlier one may fail while a later one does not.
 */
@Injectable()
export class OrderedPublisher implements OnModuleInit, OnApplicationShutdown {
  readonly #logger = new Logger(OrderedPublisher.name);
  readonly #line: ProducerLine;
  readonly #limits: { messagesMax: number; bytesMax: number };

  constructor(settings: Settings, kafka: Kafka) {
    this.#line = new ProducerLine(settings, kafka);
    this.#limits = {
      messagesMax: settings.PUBLISH_BATCH_MESSAGES_MAX,
      bytesMax: settings.PUBLISH_BATCH_BYTES_MAX,
    };
  }

  /** Returns after the first attempt, so that a process starts without Kafka too; goes on in the background. */
  async onModuleInit(): Promise<void> {
    await this.#line.connect(() => undefined);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#line.close();
  }

  /**
   * Returns when all in-sync replicas have the messages: publish the run again from its start when it throws, and the first
   * copies of all are in order.
   * @returns those that Kafka will never take, because they are too large for the topic
   * @throws when Kafka cannot take the rest now; at once while it is known to be away
   */
  async publish(topic: Topic, messages: readonly OrderedMessage[]): Promise<Set<OrderedMessage>> {
    const tooLarge = new Set<OrderedMessage>();
    for (const request of inRequests(messages, this.#limits)) {
      await this.#send(topic, request, tooLarge);
    }
    return tooLarge;
  }

  async #send(
    topic: Topic,
    request: OrderedMessage[],
    tooLarge: Set<OrderedMessage>,
  ): Promise<void> {
    if (!this.#line.open) throw new BrokerUnavailable('notWritten');
    try {
      // Copies: the partitioner leaves its choice in them, and another try is to choose anew.
      await this.#line.send(topic, () => request.map((message) => ({ ...message })));
    } catch (error) {
      if (!isTooLarge(error)) throw this.#noted(error);
      await this.#isolate(topic, request, tooLarge);
    }
  }

  /** Halves a request, in order, until what is too large stands alone. */
  async #isolate(
    topic: Topic,
    request: OrderedMessage[],
    tooLarge: Set<OrderedMessage>,
  ): Promise<void> {
    if (request.length === 1) {
      tooLarge.add(request[0]!);
      return;
    }
    const middle = request.length >> 1;
    await this.#send(topic, request.slice(0, middle), tooLarge);
    await this.#send(topic, request.slice(middle), tooLarge);
  }

  #noted(error: unknown): unknown {
    const failure = classifyFailure(error);
    // A fresh connection, in the background: the old one may be dead without knowing it.
    if (failure === 'unanswered' || failure === 'unreachable') {
      this.#line
        .reconnect()
        .catch((reason: unknown) => this.#logger.error(rootCause(reason).message));
    }
    return error;
  }
}
