import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Kafka } from 'kafkajs';
import { Settings } from '#config/settings';
import { Delivery } from './delivery.ts';
import { type OutgoingHeaders, sendableHeaders } from './headers.ts';
import { rootCause } from './kafka-errors.ts';
import { type PublishReceipt, newFate } from './message-fate.ts';
import { tracePublish } from './produce-trace.ts';
import { ProducerLine } from './producer-line.ts';
import {
  BrokerUnavailable,
  type PublishError,
  PublisherClosed,
  PublishTimeout,
} from './publish-errors.ts';
import { PublishQueue, type QueuedMessage } from './publish-queue.ts';
import { recordBytes } from './record-bytes.ts';
import { SentMessages } from './sent-messages.ts';
import type { Topic } from './topics.ts';

/** A message to be published. A null value is a tombstone, a null key goes to any partition. */
export interface OutgoingMessage {
  topic: Topic;
  key: string | Buffer | null;
  value: string | Buffer | null;
  headers?: OutgoingHeaders;
  /**
   * Until when the caller waits: a moment on the clock of `performance.now()`, in milliseconds.
   * ACCEPT_TIMEOUT_MS from now when left out.
   */
  deadlineMs?: number;
}

/** How often deadlines are looked at: a promise is rejected at most so much after its deadline. Nor does anything gather for longer. */
const SWEEP_INTERVAL_MS = 20;
/** Behind more messages under way than these, others gather: a request costs as much as dozens of messages in it. */
const SPARSE_MESSAGES_MAX = 8;
/** So many that wait are worth a request of their own, whatever is under way. */
const GATHERED_MESSAGES_MIN = 64;
const SHUTDOWN_TIMEOUT_MS_MAX = 5000;

/**
 * Publishes to Kafka, acknowledged by all in-sync replicas. When little is under way a message goes at once; behind more
 * it travels together with what else has come when that is answered, or 20 ms are over. Each promise gets its own
 * message's fate: a PublishError says whether the message can be in the topic all the same.
 *
 * Once Kafka does not answer, what comes is rejected at once until a fresh connection has proved otherwise, and what is
 * queued waits for that until its deadline: what is sent into a hung broker would pile up in memory and be written long
 * after its callers were told 503.
 *
 * The producer is not idempotent, on purpose: kafkajs's kind never fails during an outage. Repeats are possible
 * and harmless, because whoever reads tells them by the id. A message sent after another's acknowledgement is
 * behind it in the log: the first was there already, and a late repeat of it changes nothing.
 */
@Injectable()
export class Publisher implements OnModuleInit, OnApplicationShutdown {
  readonly #log = new Logger(Publisher.name);
  readonly #settings: Settings;
  readonly #queue: PublishQueue;
  readonly #line: ProducerLine;
  readonly #sent = new SentMessages();
  readonly #delivery: Delivery;
  #flushScheduled = false;
  #sweepTimer: NodeJS.Timeout | undefined;
  #closed = false;
  #lastFailure: { at: Date; error: Error } | undefined;

  constructor(settings: Settings, kafka: Kafka) {
    this.#settings = settings;
    this.#queue = new PublishQueue({
      messagesMax: settings.PUBLISH_QUEUE_MESSAGES_MAX,
      bytesMax: settings.PUBLISH_QUEUE_BYTES_MAX,
    });
    this.#line = new ProducerLine(settings, kafka);
    this.#delivery = new Delivery(this.#line, this.#sent, (cause) => this.#suspend(cause));
  }

  /** Whether messages are taken: connected, and the last send was answered. */
  get healthy(): boolean {
    return this.#line.open && !this.#closed;
  }

  get queuedMessages(): number {
    return this.#queue.messages;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  sendsInFlight(topic: Topic): number {
    return this.#line.sendsInFlight(topic);
  }

  /** When and why Kafka last failed to. */
  get lastFailure(): { at: Date; error: Error } | undefined {
    return this.#lastFailure;
  }

  async onModuleInit(): Promise<void> {
    await this.connect();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.flushAndDisconnect(
      Math.min(SHUTDOWN_TIMEOUT_MS_MAX, this.#settings.SHUTDOWN_GRACE_MS),
    );
  }

  /**
   * Returns when connected, or when the first attempt has failed. Never throws: without Kafka the process
   * starts all the same, and connects when it appears.
   */
  async connect(): Promise<void> {
    await this.#line.connect((error) => this.#noteFailure(error));
    this.#flush();
  }

  /**
   * Sends one message; settles when all in-sync replicas have it.
   * @throws PublishError (as a rejection): QueueFull, PublishTimeout, BrokerUnavailable, MessageRefused or
   * PublisherClosed.
   */
  publish(message: OutgoingMessage): Promise<PublishReceipt> {
    return tracePublish(message.topic, message.headers ?? {}, (headers) =>
      this.#enqueue({ ...message, headers }),
    );
  }

  /** Refuses new messages, gives those under way `timeoutMs`, rejects the rest and disconnects. */
  async flushAndDisconnect(timeoutMs: number): Promise<void> {
    this.#closed = true;
    const deadlineMs = performance.now() + timeoutMs;
    while (this.#queue.messages + this.#sent.size > 0 && performance.now() < deadlineMs) {
      await delay(SWEEP_INTERVAL_MS);
    }
    this.#rejectLate(Infinity, (fate) => new PublisherClosed(fate));
    clearTimeout(this.#sweepTimer);
    await this.#line.close();
  }

  #enqueue(message: OutgoingMessage): Promise<PublishReceipt> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new PublisherClosed('notWritten');
      if (!this.#line.open) throw new BrokerUnavailable('notWritten', this.#lastCause());
      const entry = this.#entry(message, resolve, reject);
      if (entry.deadlineMs <= performance.now()) throw new PublishTimeout('notWritten');
      this.#queue.add(entry);
      this.#flushSoon();
      this.#sweepTimer ??= setTimeout(() => this.#sweep(), SWEEP_INTERVAL_MS);
    });
  }

  #entry(
    { topic, key, value, headers = {}, deadlineMs }: OutgoingMessage,
    resolve: (receipt: PublishReceipt) => void,
    reject: (error: PublishError) => void,
  ): QueuedMessage {
    const sendable = { key, value, headers: sendableHeaders(headers) };
    const entry: QueuedMessage = {
      topic,
      message: sendable,
      bytes: recordBytes(sendable),
      deadlineMs: deadlineMs ?? performance.now() + this.#settings.ACCEPT_TIMEOUT_MS,
      settled: false,
      fate: newFate((receipt) => this.#sent.acknowledge(entry, receipt)),
      resolve,
      reject,
    };
    return entry;
  }

  /** After this turn of the event loop: all that arrives in one turn goes together, at no wait. */
  #flushSoon(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  /** @param hasGathered what waits has waited long enough for company */
  #flush(hasGathered = false): void {
    const { PUBLISH_BATCH_MESSAGES_MAX, PUBLISH_BATCH_BYTES_MAX } = this.#settings;
    const limits = {
      messagesMax: PUBLISH_BATCH_MESSAGES_MAX,
      bytesMax: PUBLISH_BATCH_BYTES_MAX,
    };
    const mayGo = (topic: Topic, waiting: number) =>
      this.#hasPlace(topic) && (hasGathered || this.#isWorthARequest(topic, waiting));
    while (this.#line.open) {
      const batch = this.#queue.takeBatch(limits, mayGo);
      const [first] = batch;
      if (!first) return;
      this.#sent.add(batch);
      this.#line
        .occupy(first.topic, () => this.#delivery.deliver(batch))
        .then(
          () => this.#flush(),
          (error: unknown) => this.#delivery.giveUp(batch, 'unreachable', error),
        );
    }
  }

  #hasPlace(topic: Topic): boolean {
    return this.#line.sendsInFlight(topic) < this.#settings.PUBLISH_IN_FLIGHT_MAX;
  }

  #isWorthARequest(topic: Topic, waiting: number): boolean {
    return (
      this.#line.sendsInFlight(topic) === 0 ||
      this.#sent.size <= SPARSE_MESSAGES_MAX ||
      waiting >= GATHERED_MESSAGES_MIN
    );
  }

  #rejectLate(nowMs: number, makeError: (fate: PublishError['fate']) => PublishError): void {
    this.#sent.reject([...this.#queue.takeExpired(nowMs), ...this.#sent.late(nowMs)], makeError);
  }

  #suspend(error: Error): void {
    this.#noteFailure(error);
    if (this.#closed || !this.#line.open) return;
    this.#log.warn(`Kafka is away, publishing is suspended: ${error.message}`);
    this.#line
      .reconnect()
      .then(() => {
        this.#log.log('Kafka is back, publishing goes on');
        this.#flush();
      })
      .catch((failure: unknown) => this.#noteFailure(failure));
  }

  #noteFailure(error: unknown): void {
    this.#lastFailure = { at: new Date(), error: rootCause(error) };
  }

  #lastCause(): ErrorOptions {
    return this.#lastFailure ? { cause: this.#lastFailure.error } : {};
  }

  #sweep(): void {
    this.#sweepTimer = undefined;
    const now = performance.now();
    this.#rejectLate(now, (fate) => new PublishTimeout(fate));
    this.#flush(true);
    if (this.#queue.messages + this.#sent.size > 0) {
      this.#sweepTimer = setTimeout(() => this.#sweep(), SWEEP_INTERVAL_MS);
    }
  }
}
