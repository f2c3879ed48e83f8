import { createHash } from 'node:crypto';
import kafkajs, {
  type EachBatchPayload,
  type KafkaMessage,
  type Message,
  type Producer,
} from 'kafkajs';
import { pino } from 'pino';
import { type Settings, loadSettings } from '#config/settings';
import type { EventType } from '#domain/event';
import { BatchConsumer } from '#kafka/batch-consumer';
import { createKafka } from '#kafka/client';
import { OffsetReader } from '#kafka/offset-reader';
import { type LogicalTopic, consumerGroupId, topicName } from '#kafka/topics';
import { type EntryOf, shownActionSchema } from '../history.ts';
import type { Recorder } from './recorder.ts';

const silent = pino({ level: 'silent' });
const STOP_GRACE_MS = 5000;
const RECORDED = ['events', 'dead-letters'] as const;

/** What is said of a message beside its bytes. */
export type About = Pick<EntryOf<'produced'>, 'tenant' | 'app'> &
  Partial<Pick<EntryOf<'produced'>, 'intent' | 'report' | 'poison'>>;

/** The topics as the public sees them: what is produced there, and what is read, is recorded. */
export class RecordedTopics {
  readonly #recorder: Recorder;
  readonly #settings: Settings;
  readonly #producer: Producer;
  readonly #tails: readonly BatchConsumer[];
  /** By partition, what was read of it: a consumer that starts anew may read it again. */
  readonly #read = new Map<string, number>();

  eventsRead = 0;

  private constructor(recorder: Recorder, brokers: string, prefix: string) {
    this.#recorder = recorder;
    this.#settings = loadSettings({ KAFKA_BROKERS: brokers, KAFKA_TOPIC_PREFIX: prefix });
    this.#producer = createKafka(this.#settings, silent).producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
      // One message is one record: a repeat by the client would be one more that nobody knows of.
      retry: { retries: 0 },
    });
    this.#tails = RECORDED.map(
      (topic) =>
        new BatchConsumer({
          createKafka: (onSocket) => createKafka(this.#settings, silent, { onSocket }),
          groupId: `${prefix}.recorder-${topic}`,
          topic: this.#name(topic),
          partitionsConcurrently: 1,
          eachBatch: (payload) => this.#takeDown(payload),
          onFatal: (error) => recorder.breakOff(error),
          logger: { log: ignore, error: ignore, warn: ignore },
        }),
    );
  }

  static async start(recorder: Recorder, brokers: string, prefix: string): Promise<RecordedTopics> {
    const topics = new RecordedTopics(recorder, brokers, prefix);
    await topics.#producer.connect();
    for (const tail of topics.#tails) tail.start();
    return topics;
  }

  /** Writes a message; one that Kafka does not acknowledge may be there all the same. */
  async produce(topic: 'requests' | 'reports', message: Message, about: About): Promise<void> {
    const beganAtMs = this.#recorder.nowMs();
    const place = await this.#send(topic, message);
    this.#recorder.note<EntryOf<'produced'>>({
      kind: 'produced',
      beganAtMs,
      topic,
      place,
      valueHash: hashOf(message.value),
      intent: null,
      report: null,
      poison: null,
      ...about,
    });
  }

  /** Where the workers are not done with everything in this topic, a phrase each. @throws Error when Kafka cannot be read */
  async undrained(topic: LogicalTopic): Promise<string[]> {
    const group = consumerGroupId(this.#settings.KAFKA_TOPIC_PREFIX, topic);
    return await this.#behind(topic, group, async (reader) => {
      const committed = await reader.committed();
      return (partition) => committed.get(partition) ?? 0n;
    });
  }

  /** What is in the topics and was not recorded, a phrase each. @throws Error when Kafka cannot be read */
  async unrecorded(): Promise<string[]> {
    const behind = RECORDED.map((topic) =>
      this.#behind(topic, 'none', () => {
        const read = (partition: number) => this.#read.get(`${this.#name(topic)}/${partition}`);
        return Promise.resolve((partition) => BigInt((read(partition) ?? -1) + 1));
      }),
    );
    return (await Promise.all(behind)).flat();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#tails.map((tail) => tail.stop(STOP_GRACE_MS)));
    await this.#producer.disconnect();
  }

  async #send(topic: LogicalTopic, message: Message): Promise<EntryOf<'produced'>['place']> {
    try {
      const [written] = await this.#producer.send({
        topic: this.#name(topic),
        messages: [message],
      });
      return { partition: written!.partition, offset: Number(written!.baseOffset) };
    } catch {
      return null;
    }
  }

  async #takeDown(payload: EachBatchPayload): Promise<void> {
    const { topic, partition, messages } = payload.batch;
    const place = `${topic}/${partition}`;
    for (const message of messages) {
      const offset = Number(message.offset);
      if (offset > (this.#read.get(place) ?? -1)) {
        if (topic === this.#name('events')) this.#noteEvent(partition, message);
        else this.#noteDeadLetter(message);
        this.#read.set(place, offset);
      }
      payload.resolveOffset(message.offset);
    }
    await payload.heartbeat();
  }

  #noteEvent(partition: number, message: KafkaMessage): void {
    this.eventsRead += 1;
    const header = (name: string) => String(message.headers?.[name]);
    this.#recorder.note<EntryOf<'event'>>({
      kind: 'event',
      partition,
      offset: Number(message.offset),
      id: header('ce_id'),
      type: header('ce_type').replace('securityActions.', '') as EventType,
      sequence: Number(header('ce_sequence')),
      dateTime: header('ce_time'),
      tenant: header('ce_tenantid'),
      action: shownActionSchema.parse(JSON.parse(String(message.value))),
    });
  }

  #noteDeadLetter({ headers, value }: KafkaMessage): void {
    const header = (name: string) => String(headers?.[name]);
    const prefix = `${this.#settings.KAFKA_TOPIC_PREFIX}.`;
    this.#recorder.note<EntryOf<'deadLetter'>>({
      kind: 'deadLetter',
      origin: {
        topic: header('x-origin-topic').slice(prefix.length),
        partition: Number(header('x-origin-partition')),
        offset: Number(header('x-origin-offset')),
      },
      code: header('x-error-code'),
      valueHash: hashOf(value),
    });
  }

  /** The partitions of a topic that somebody has not read to their ends. */
  async #behind(
    topic: LogicalTopic,
    group: string,
    look: (reader: OffsetReader) => Promise<(partition: number) => bigint>,
  ): Promise<string[]> {
    const kafka = createKafka(this.#settings, silent);
    const reader = new OffsetReader(kafka, this.#name(topic), group);
    try {
      const positionOf = await look(reader);
      const ends = await reader.ends();
      return [...ends]
        .filter(([partition, { low, high }]) => low !== high && positionOf(partition) < high)
        .map(
          ([partition, { high }]) => `${topic}/${partition} at ${positionOf(partition)} of ${high}`,
        );
    } finally {
      await reader.close();
    }
  }

  #name(topic: LogicalTopic): string {
    return topicName(this.#settings.KAFKA_TOPIC_PREFIX, topic);
  }
}

function hashOf(value: Buffer | string | null): string {
  return createHash('sha256')
    .update(value ?? '')
    .digest('hex');
}

function ignore(): void {}
