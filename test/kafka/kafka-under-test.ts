import { randomBytes } from 'node:crypto';
import type { Kafka } from 'kafkajs';
import { afterAll, inject } from 'vitest';
import { loadSettings, type Settings } from '#config/settings';
import { BatchStrategy } from '#kafka/batch-strategy';
import { createKafka } from '#kafka/client';
import { ensureTopics } from '#kafka/ensure-topics';
import type { KafkaBatch, KafkaBatchContext } from '#kafka/kafka-batch';
import { Publisher } from '#kafka/publisher';
import type { LogicalTopic } from '#kafka/topics';

type Handler = (batch: KafkaBatch, context: KafkaBatchContext) => Promise<void>;

const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };
function ignore(): void {}

/** Topics of their own on the brokers of the run, and what a test puts on them. All of it ends with the file. */
export class KafkaUnderTest {
  readonly settings: Settings;
  readonly kafka: Kafka;
  readonly #cleanUps: (() => Promise<void>)[] = [];

  constructor(env: Record<string, string> = {}) {
    const brokers = inject('kafkaBrokers') ?? process.env['KAFKA_BROKERS'];
    if (!brokers)
      throw new Error('No brokers: the global set-up of the integration tests has them');
    this.settings = loadSettings({
      KAFKA_BROKERS: brokers,
      KAFKA_TOPIC_PREFIX: `test-${randomBytes(6).toString('hex')}`,
      KAFKA_PARTITIONS: '4',
      SHUTDOWN_GRACE_MS: '5000',
      ...env,
    });
    this.kafka = createKafka(this.settings, silent, { requestTimeoutMs: 30_000 });
    afterAll(async () => {
      for (const cleanUp of this.#cleanUps.toReversed()) await cleanUp();
    });
  }

  /** Where it is, for who writes or reads past it. */
  get place(): { kafkaBrokers: string; topicPrefix: string } {
    const { KAFKA_BROKERS, KAFKA_TOPIC_PREFIX } = this.settings;
    return { kafkaBrokers: KAFKA_BROKERS.join(','), topicPrefix: KAFKA_TOPIC_PREFIX };
  }

  async topics(): Promise<this> {
    await ensureTopics(this.kafka, this.settings);
    return this;
  }

  /** Connected, and patient: the machine may be busy. */
  async publisher(): Promise<Publisher> {
    const settings = Object.assign({}, this.settings, { ACCEPT_TIMEOUT_MS: 20_000 });
    const publisher = new Publisher(settings, this.kafka);
    await publisher.connect();
    this.#cleanUps.push(() => publisher.flushAndDisconnect(1000));
    return publisher;
  }

  /** A running strategy with one handler. `fatal` collects what onFatal was told. */
  consume(topic: LogicalTopic, handler: Handler): { strategy: BatchStrategy; fatal: Error[] } {
    return this.consumeAll([[topic, handler]]);
  }

  /** The same with a handler for each of several topics. */
  consumeAll(handlers: [LogicalTopic, Handler][]): { strategy: BatchStrategy; fatal: Error[] } {
    const fatal: Error[] = [];
    const strategy = new BatchStrategy({
      settings: this.settings,
      log: silent,
      onFatal: (error) => fatal.push(error),
    });
    for (const [topic, handler] of handlers) strategy.addHandler(topic, handler, true);
    strategy.listen(ignore);
    this.#cleanUps.push(() => strategy.close());
    return { strategy, fatal };
  }

  onEnd(cleanUp: () => Promise<void>): void {
    this.#cleanUps.push(cleanUp);
  }
}

/** The values of a batch as text. */
export function texts(batch: KafkaBatch): string[] {
  return batch.messages.map(({ value }) => String(value));
}

/** Longer than any retry inside the clients. */
export const PATIENTLY = { timeout: 40_000, interval: 20 };
