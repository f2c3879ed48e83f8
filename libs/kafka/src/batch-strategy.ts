import { Logger } from '@nestjs/common';
import { type CustomTransportStrategy, Server } from '@nestjs/microservices';
import type { EachBatchPayload, KafkaMessage } from 'kafkajs';
import { isObservable, lastValueFrom } from 'rxjs';
import type { Settings } from '#config/settings';
import { BatchConsumer, type BatchPayload } from './batch-consumer.ts';
import { createKafka } from './client.ts';
import type { KafkaLog } from './client-log.ts';
import { receivedHeaders } from './headers.ts';
import { withHeartbeat } from './heartbeat.ts';
import { HeldMessage } from './held-message.ts';
import { type BatchMessage, type KafkaBatch, KafkaBatchContext } from './kafka-batch.ts';
import { OffsetReader } from './offset-reader.ts';
import { PartitionBackoff } from './partition-backoff.ts';
import { consumerGroupId, LOGICAL_TOPICS, type LogicalTopic, topicName } from './topics.ts';

/** How the worker hosts its handlers on Kafka. */
export interface BatchStrategyOptions {
  settings: Settings;
  log: KafkaLog;
  /** The consumer cannot go on and no restart inside this process helps: log it and end the process. */
  onFatal: (error: Error) => void;
}

const PATIENCE = {
  // Nobody waits for these answers: patience costs nothing, a false alarm costs a rebalance.
  requestTimeoutMs: 10_000,
  // While it tries, the consumer stays the member it was: after an outage it just goes on, where a new member
  // would have to wait until the session of the old one has run out.
  connectRetries: Number.MAX_SAFE_INTEGER,
};

const PARTITIONS_CONCURRENTLY_MAX = 16;
/** Connections that handlers leave to everything else of the process. */
const CONNECTIONS_SPARED = 3;

/**
 * Nest's transport over a kafkajs consumer: an `@EventPattern('<logical topic>')` method is called with whole
 * batches (at most INGEST_BATCH_MAX messages of one partition, in order) instead of single messages.
 *
 * The handler returns: its messages are done, and the commit is on its way, since readers of their own writes wait for the
 * committed offset. It throws: nothing moves, the partition pauses and the same messages come again; a
 * `HeldMessage` says that only some of them have to. So what can never succeed is the handler's to put into the dead
 * letters. Messages come at least once.
 *
 * All members of the group must have handlers for the same topics: kafkajs deals out the topics of the group's
 * leader, so one that only some members know may be read by nobody until the leader is one of them.
 */
export class BatchStrategy extends Server implements CustomTransportStrategy {
  protected override readonly logger = new Logger(BatchStrategy.name);
  /** A handler's error comes here, and is logged here: Nest need not. */
  override readonly propagatesEventHandlerErrors = true;

  readonly #options: BatchStrategyOptions;
  readonly #backoff = new PartitionBackoff();
  readonly #topics = new Map<string, LogicalTopic>();
  readonly #consumers: BatchConsumer[] = [];
  #closing = false;

  constructor(options: BatchStrategyOptions) {
    super();
    this.#options = options;
  }

  /** Readiness: this process is a member of every group. */
  get joined(): boolean {
    return this.#consumers.length > 0 && this.#consumers.every(({ joined }) => joined);
  }

  /** Liveness: every loop went round within the last minute (Kafka may be away) and none ended for good. */
  get alive(): boolean {
    return this.#consumers.every(({ alive }) => alive);
  }

  /**
   * Starts consuming; Nest calls it. Does not wait for Kafka, which may be away.
   * @throws Error when a handler is bound to no topic of ours, or two to one.
   */
  listen(callback: (error?: unknown) => void): void {
    this.#bindTopics();
    for (const [name, topic] of this.#topics) {
      const consumer = this.#createConsumer(name, topic);
      this.#consumers.push(consumer);
      consumer.start();
    }
    callback();
  }

  /** Lets running handlers end, up to SHUTDOWN_GRACE_MS; commits and leaves the groups. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#backoff.clear();
    const graceMs = this.#options.settings.SHUTDOWN_GRACE_MS;
    const inTime = await Promise.all(this.#consumers.map((consumer) => consumer.stop(graceMs)));
    this.#backoff.clear();
    if (inTime.includes(false)) {
      this.logger.warn('A handler still ran at the end of the grace period');
    }
  }

  /** Part of Nest's contract; there are no events of our own. */
  on(): never {
    throw new Error('BatchStrategy has no events: use joined, alive and onFatal.');
  }

  /** Part of Nest's contract; there is no one client. */
  unwrap(): never {
    throw new Error('BatchStrategy has a client for each topic, and shows none.');
  }

  #createConsumer(name: string, topic: LogicalTopic): BatchConsumer {
    const { settings, log, onFatal } = this.#options;
    const groupId = consumerGroupId(settings.KAFKA_TOPIC_PREFIX, topic);
    return new BatchConsumer({
      createKafka: (onSocket) => createKafka(settings, log, { ...PATIENCE, onSocket }),
      groupId,
      topic: name,
      offsets: new OffsetReader(createKafka(settings, log), name, groupId),
      partitionsConcurrently: partitionsConcurrently(settings),
      eachBatch: (payload) => this.#consume(payload),
      onFatal,
      logger: this.logger,
    });
  }

  #bindTopics(): void {
    const prefix = this.#options.settings.KAFKA_TOPIC_PREFIX;
    for (const [pattern, handler] of this.messageHandlers) {
      const topic = LOGICAL_TOPICS.find((known) => known === pattern);
      if (!topic) throw new Error(`No topic '${pattern}'; known: ${LOGICAL_TOPICS.join(', ')}`);
      if (handler.next) throw new Error(`Two handlers for '${pattern}': which one would decide?`);
      this.#topics.set(topicName(prefix, topic), topic);
    }
  }

  async #consume(payload: BatchPayload): Promise<void> {
    const { messages } = payload.batch;
    const size = this.#options.settings.INGEST_BATCH_MAX;
    for (let start = 0; start < messages.length; start += size) {
      if (this.#closing || !payload.isRunning() || payload.isStale()) return;
      const goOn = await this.#consumeChunk(payload, messages.slice(start, start + size));
      if (!goOn) return;
    }
  }

  /** False if the handler failed. Throws errors of Kafka only: kafkajs has to act on them. */
  async #consumeChunk(payload: BatchPayload, messages: KafkaMessage[]): Promise<boolean> {
    const { topic, partition } = payload.batch;
    const { failure, heartbeatError } = await withHeartbeat(
      () => payload.heartbeat(),
      () => this.#handle(payload, messages),
    );
    const done = failure ? doneBefore(failure.error) : messages.length;
    if (done > 0) {
      this.#backoff.succeeded(topic, partition);
      // In a rebalance what is not committed now comes again.
      await payload.done(messages[done - 1]!.offset, heartbeatError !== undefined);
    }
    if (failure) this.#postpone(payload, failure.error, messages[done]?.offset);
    if (heartbeatError) throw heartbeatError;
    return !failure;
  }

  async #handle({ batch }: EachBatchPayload, messages: KafkaMessage[]): Promise<void> {
    const { topic: wireName, partition } = batch;
    const topic = this.#topics.get(wireName);
    const handler = topic && this.messageHandlers.get(topic);
    if (!handler) throw new Error(`No handler for ${wireName}`);
    const { attempt, firstFailedAt } = this.#backoff.next(wireName, partition);
    const handed: KafkaBatch = {
      topic,
      topicName: wireName,
      partition,
      messages: messages.map(received),
    };
    const result: unknown = await handler(
      handed,
      new KafkaBatchContext(handed, attempt, firstFailedAt),
    );
    // Nest hands a handler's error over as a stream that fails.
    if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
  }

  #postpone(payload: EachBatchPayload, error: unknown, offset: string | undefined): void {
    if (this.#closing) return;
    const { topic, partition } = payload.batch;
    const { attempt } = this.#backoff.next(topic, partition);
    const backoffMs = this.#backoff.failed(payload);
    this.logger.error(
      `${topic}/${partition} from offset ${offset}: attempt ${attempt} failed, next in ${backoffMs} ms`,
      error instanceof Error ? error.stack : String(error),
    );
  }
}

function doneBefore(error: unknown): number {
  return error instanceof HeldMessage ? error.doneBefore : 0;
}

/** More handlers at once than connections would only queue up for them, and keep everybody else waiting. */
function partitionsConcurrently({ KAFKA_PARTITIONS, DATABASE_POOL_SIZE }: Settings): number {
  const connections = Math.max(1, DATABASE_POOL_SIZE - CONNECTIONS_SPARED);
  return Math.min(KAFKA_PARTITIONS, connections, PARTITIONS_CONCURRENTLY_MAX);
}

/** What kafkajs gives and does not declare. */
interface WithBatchContext {
  batchContext?: { timestampType?: number };
}

const LOG_APPEND_TIME = 1;

function received(message: KafkaMessage & WithBatchContext): BatchMessage {
  const { offset, key, value, headers, timestamp, batchContext } = message;
  return {
    offset,
    key,
    value,
    headers: receivedHeaders(headers),
    timestamp: Number(timestamp),
    isTimestampOfBroker: batchContext?.timestampType === LOG_APPEND_TIME,
  };
}
