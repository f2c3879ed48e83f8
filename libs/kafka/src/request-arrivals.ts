import { randomUUID } from 'node:crypto';
import { Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Settings } from '#config/settings';
import { BatchConsumer } from './batch-consumer.ts';
import type { KafkaLog } from './client-log.ts';
import { createKafka } from './client.ts';
import { topicName } from './topics.ts';

/** It has nothing to finish, only a goodbye to say. */
const STOP_GRACE_MS = 1000;

/**
 * Hears when something is appended to `requests`, at about the time at which its producer does. Each process listens
 * for itself, in a group of its own that commits nothing; what the messages say is not looked at.
 */
export class RequestArrivals implements OnModuleInit, OnApplicationShutdown {
  readonly #logger = new Logger(RequestArrivals.name);
  readonly #consumer: BatchConsumer;
  #arrivals = 0;

  constructor(settings: Settings, log: KafkaLog) {
    const prefix = settings.KAFKA_TOPIC_PREFIX;
    this.#consumer = new BatchConsumer({
      createKafka: (onSocket) => createKafka(settings, log, { onSocket }),
      groupId: `${prefix}.api.${randomUUID()}`,
      topic: topicName(prefix, 'requests'),
      from: 'latest',
      partitionsConcurrently: 1,
      eachBatch: (payload) => {
        this.#arrivals++;
        payload.resolveOffset(payload.batch.lastOffset());
        return Promise.resolve();
      },
      // Not needed to go on: without it, it is looked before each create.
      onFatal: (error) => this.#logger.warn({ err: error }, 'no longer hears of requests'),
      logger: this.#logger,
    });
  }

  /**
   * As long as this stays the same, nothing has been appended in between; undefined while that cannot be told.
   */
  get mark(): string | undefined {
    const membership = this.#consumer.listening;
    return membership === undefined ? undefined : `${membership}/${this.#arrivals}`;
  }

  /** In the background: nothing needs to wait for it. */
  onModuleInit(): void {
    this.#consumer.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#consumer.stop(STOP_GRACE_MS);
  }
}
