import { setTimeout as delay } from 'node:timers/promises';
import kafkajs, { type Kafka } from 'kafkajs';
import type { Settings } from '#config/settings';
import { answeredWithin } from './bounded.ts';
import { isBrokersAnswer } from './kafka-errors.ts';
import { LazyProducer } from './lazy-producer.ts';
import { LeasedClient } from './leased-client.ts';
import type { FatedMessage } from './message-fate.ts';
import { createPartitioner, partitionOf } from './partitioner.ts';
import { type Topic, topicName } from './topics.ts';

const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 2000;
/** For each bootstrap broker: above what kafkajs takes to find out that one does not answer, as this only ends what hangs for good. */
const PROOF_TIMEOUT_MS_PER_BROKER = 20_000;
const PROVED_WITH: Topic = 'commands';
/** Of ACCEPT_TIMEOUT_MS, what a leader may wait for its replicas. */
const REPLICAS_SHARE = 0.9;

/**
 * kafkajs calls a request written from which it has left out messages: those of a broker that is listed beside another at one
 * address, as one that was lost and the one that took its place are until the session of the first is over.
 */
class LeadersSkipped extends Error {
  readonly type = 'LEADER_NOT_AVAILABLE';
  readonly retriable = true;

  constructor() {
    super('kafkajs has not sent to the leaders of all partitions');
    this.name = LeadersSkipped.name;
  }
}

/**
 * The way of a publisher to Kafka: a producer for each topic, all of them replaced by fresh ones after each outage. An old
 * one may sit on a dead connection that kafkajs keeps for good, or on one whose handshake went unanswered, which it takes
 * for connected and can never use.
 *
 * Of one topic each: kafkajs asks for all topics at once that a producer has ever sent to, and if one of them is gone or
 * forbidden, that producer can send to no other.
 */
export class ProducerLine {
  readonly #settings: Settings;
  readonly #kafka: Kafka;
  readonly #producers = new Map<Topic, LeasedClient<LazyProducer>>();
  /** By topic, and since the last outage only: what hangs on a former producer must not take the places of the living. */
  #sends = new Map<Topic, number>();
  /** How many each topic has, by the name of the topic. */
  readonly #partitions = new Map<string, number>();
  #open = false;
  #closed = false;
  #connecting: Promise<void> | undefined;
  #retiring: Promise<unknown> = Promise.resolve();

  constructor(settings: Settings, kafka: Kafka) {
    this.#settings = settings;
    this.#kafka = kafka;
  }

  /** Whether sends may be tried: a broker has answered us since the last outage. */
  get open(): boolean {
    return this.#open;
  }

  /** Another one after each outage: what was sent before it says nothing of the line as it is now. */
  get generation(): object {
    return this.#sends;
  }

  sendsInFlight(topic: Topic): number {
    return this.#sends.get(topic) ?? 0;
  }

  /** Counts `work` as one send to the topic in flight, retries and pauses included. */
  async occupy(topic: Topic, work: () => Promise<void>): Promise<void> {
    const sends = this.#sends;
    const add = (count: number) => sends.set(topic, (sends.get(topic) ?? 0) + count);
    add(1);
    try {
      await work();
    } finally {
      add(-1);
    }
  }

  /**
   * One request to each leader with all that `take` gives when there is a connection, be it late; the partitioner leaves in
   * each message the partition it went to.
   * @throws what kafkajs throws, NotConnected, NotAnswered when nothing is heard within twice ACCEPT_TIMEOUT_MS, or
   * LeadersSkipped.
   * Of several leaders the first to refuse is heard: the fate of each message tells more, be it later (`untilAnswered`).
   */
  async send(topic: Topic, take: () => FatedMessage[]): Promise<void> {
    let messages: FatedMessage[] = [];
    const batch = {
      topic: topicName(this.#settings.KAFKA_TOPIC_PREFIX, topic),
      take: () => (messages = take()),
      acks: -1,
      // What it says when replicas do not answer is to come before nobody waits for it any more.
      timeout: Math.floor(this.#settings.ACCEPT_TIMEOUT_MS * REPLICAS_SHARE),
      compression:
        this.#settings.KAFKA_COMPRESSION === 'zstd'
          ? kafkajs.CompressionTypes.ZSTD
          : kafkajs.CompressionTypes.None,
    };
    const producer = this.#producerOf(topic);
    const sent = producer.use((client) => client.send(batch));
    const records = await answeredWithin(sent, 2 * this.#settings.ACCEPT_TIMEOUT_MS);
    const answered = new Set(records.map(({ partition }) => partition));
    if (messages.every(({ partition = -1 }) => answered.has(partition))) return;
    // For minutes it would go on by what it takes for the leaders.
    if (this.#producers.get(topic) === producer) this.#producers.delete(topic);
    this.#retire(producer);
    throw new LeadersSkipped();
  }

  /** The partition of a topic to which a key is sent; undefined before anything was sent to the topic. */
  partitionOf(topic: Topic, key: string): number | undefined {
    const partitions = this.#partitions.get(topicName(this.#settings.KAFKA_TOPIC_PREFIX, topic));
    return partitions === undefined ? undefined : partitionOf(Buffer.from(key), partitions);
  }

  /** Returns after the first attempt; when that fails, goes on in the background. */
  async connect(onFailure: (error: unknown) => void): Promise<void> {
    const { promise: attempted, resolve } = Promise.withResolvers<void>();
    const connected = this.reconnect((error) => {
      onFailure(error);
      resolve();
    });
    await Promise.race([attempted, connected]);
  }

  /** Closes the line until a fresh producer has got an answer from Kafka; tries until then or until `close`. */
  async reconnect(onFailure?: (error: unknown) => void): Promise<void> {
    this.#open = false;
    this.#connecting ??= this.#replace(onFailure).finally(() => {
      this.#connecting = undefined;
    });
    await this.#connecting;
  }

  /** Disconnects, bounded. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#open = false;
    this.#retireAll();
    await this.#retiring;
  }

  /** None once the line is closed: it would connect, for a message that nobody waits for, and stay so. */
  #producerOf(topic: Topic): LeasedClient<LazyProducer> {
    if (this.#closed) throw new Error('The line is closed.');
    let producer = this.#producers.get(topic);
    if (!producer) {
      producer = this.#create();
      this.#producers.set(topic, producer);
    }
    return producer;
  }

  #retireAll(): void {
    for (const producer of this.#producers.values()) this.#retire(producer);
    this.#producers.clear();
  }

  /** In the background: on a hung broker it takes its time-out, and nobody needs to wait for that. */
  #retire(producer: LeasedClient<LazyProducer>): void {
    this.#retiring = Promise.all([this.#retiring, producer.retire()]).then(() => undefined);
  }

  async #replace(onFailure?: (error: unknown) => void): Promise<void> {
    const proofTimeoutMs = PROOF_TIMEOUT_MS_PER_BROKER * this.#settings.KAFKA_BROKERS.length;
    let backoffMs = BACKOFF_MS_MIN;
    while (!this.#closed) {
      const producer = this.#create();
      try {
        const proved = producer.use((client) => this.#prove(client));
        await answeredWithin(proved, proofTimeoutMs);
        this.#adopt(producer);
        return;
      } catch (error) {
        onFailure?.(error);
        this.#retire(producer);
        await delay(backoffMs);
        backoffMs = Math.min(backoffMs * 2, BACKOFF_MS_MAX);
      }
    }
  }

  #adopt(producer: LeasedClient<LazyProducer>): void {
    this.#retireAll();
    this.#sends = new Map();
    this.#open = !this.#closed;
    if (this.#closed) this.#retire(producer);
    else this.#producers.set(PROVED_WITH, producer);
  }

  /**
   * Asks for the metadata of a topic (a send of no messages does just that): only an answer proves the line, as kafkajs
   * counts a connection as made when a second try finds it already there.
   */
  async #prove(producer: LazyProducer): Promise<void> {
    const topic = topicName(this.#settings.KAFKA_TOPIC_PREFIX, PROVED_WITH);
    try {
      await producer.send({ topic, take: () => [] });
    } catch (error) {
      if (!isBrokersAnswer(error)) throw error;
    }
  }

  #notingPartitions(): ReturnType<typeof createPartitioner> {
    const choose = createPartitioner();
    return (choice) => {
      this.#partitions.set(choice.topic, choice.partitionMetadata.length);
      return choose(choice);
    };
  }

  #create(): LeasedClient<LazyProducer> {
    const producer = this.#kafka.producer({
      allowAutoTopicCreation: false,
      createPartitioner: () => this.#notingPartitions(),
      // The publisher retries itself: it leaves out what has passed its deadline meanwhile.
      retry: { retries: 0 },
    });
    return new LeasedClient(new LazyProducer(producer));
  }
}
