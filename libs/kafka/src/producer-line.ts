import { setTimeout as delay } from 'node:timers/promises';
import kafkajs, { type Kafka, type Message, type Producer, type RecordMetadata } from 'kafkajs';
import type { Settings } from '#config/settings';
import { answeredWithin } from './bounded.ts';
import { isBrokersAnswer } from './kafka-errors.ts';
import { LeasedClient } from './leased-client.ts';
import { createPartitioner } from './partitioner.ts';
import { type Topic, topicName } from './topics.ts';

const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 2000;
/** Above what kafkajs takes to find out that nobody answers, so that this only ends what hangs for good. */
const PROOF_TIMEOUT_MS = 20_000;
/** Not more often: a topic that is never there must not have us connect anew for each message. */
const RENEWAL_INTERVAL_MS = 10_000;

/**
 * The connection of the publisher: one producer, replaced by a fresh one after each outage. An old producer may
 * sit on a dead connection that kafkajs keeps for good, or on one whose handshake went unanswered, which it
 * takes for connected and can never use.
 */
export class ProducerLine {
  readonly #settings: Settings;
  readonly #kafka: Kafka;
  #producer: LeasedClient<Producer> | undefined;
  /** Of the present producer only: what hangs on a former one must not take the places of the living. */
  #occupied = { sends: 0 };
  #open = false;
  #closed = false;
  #connecting: Promise<void> | undefined;
  #renewing: Promise<unknown> | undefined;
  /** On the clock of performance.now(). */
  #renewedAtMs = -Infinity;
  #retiring: Promise<unknown> = Promise.resolve();

  constructor(settings: Settings, kafka: Kafka) {
    this.#settings = settings;
    this.#kafka = kafka;
  }

  /** Whether sends may be tried: a broker has answered us since the last outage. */
  get open(): boolean {
    return this.#open;
  }

  get sendsInFlight(): number {
    return this.#occupied.sends;
  }

  /** Counts `work` as one send in flight, retries and pauses included. */
  async occupy(work: () => Promise<void>): Promise<void> {
    const occupied = this.#occupied;
    occupied.sends++;
    try {
      await work();
    } finally {
      occupied.sends--;
    }
  }

  /**
   * One request with all `messages`; the partitioner leaves in each the partition it went to.
   * @throws what kafkajs throws, or Error when it says nothing within twice ACCEPT_TIMEOUT_MS.
   */
  async send(topic: Topic, messages: Message[]): Promise<RecordMetadata[]> {
    if (!this.#producer) throw new Error('not connected');
    const sent = this.#producer.use((producer) =>
      producer.sendBatch({
        acks: -1,
        timeout: this.#settings.ACCEPT_TIMEOUT_MS,
        compression:
          this.#settings.KAFKA_COMPRESSION === 'zstd'
            ? kafkajs.CompressionTypes.ZSTD
            : kafkajs.CompressionTypes.None,
        topicMessages: [{ topic: topicName(this.#settings.KAFKA_TOPIC_PREFIX, topic), messages }],
      }),
    );
    return await answeredWithin(sent, 2 * this.#settings.ACCEPT_TIMEOUT_MS);
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

  /**
   * Puts a fresh producer in the place of one that a topic was refused to; it goes on meanwhile, and stays if that fails. kafkajs
   * asks for all topics at once that a producer has ever sent to, and when one of them is gone, or forbidden since, that
   * producer can send to no other.
   */
  async renew(): Promise<void> {
    if (!this.#renewing) {
      if (performance.now() - this.#renewedAtMs < RENEWAL_INTERVAL_MS) return;
      this.#renewedAtMs = performance.now();
      this.#renewing = (this.#connecting ?? this.#tryFresh()).finally(() => {
        this.#renewing = undefined;
      });
    }
    await this.#renewing;
  }

  /** Disconnects, bounded. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#open = false;
    if (this.#producer) this.#retire(this.#producer);
    await this.#retiring;
  }

  /** In the background: on a hung broker it takes its time-out, and nobody needs to wait for that. */
  #retire(producer: LeasedClient<Producer>): void {
    this.#retiring = Promise.all([this.#retiring, producer.retire()]).then(() => undefined);
  }

  async #replace(onFailure?: (error: unknown) => void): Promise<void> {
    let backoffMs = BACKOFF_MS_MIN;
    while (!this.#closed) {
      if (await this.#tryFresh(onFailure)) {
        this.#occupied = { sends: 0 };
        return;
      }
      await delay(backoffMs);
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MS_MAX);
    }
  }

  /** @returns whether there is a fresh producer now */
  async #tryFresh(onFailure?: (error: unknown) => void): Promise<boolean> {
    const producer = new LeasedClient(this.#createProducer());
    try {
      const proved = producer.use((client) => this.#prove(client));
      await answeredWithin(proved, PROOF_TIMEOUT_MS);
      this.#adopt(producer);
      return true;
    } catch (error) {
      onFailure?.(error);
      this.#retire(producer);
      return false;
    }
  }

  #adopt(producer: LeasedClient<Producer>): void {
    if (this.#producer) this.#retire(this.#producer);
    this.#producer = producer;
    this.#open = !this.#closed;
    if (this.#closed) this.#retire(producer);
  }

  /**
   * Connects and asks for the metadata of `commands` (a send of no messages does just that): only an answer
   * proves the line, as kafkajs counts a connection as made when a second try finds it already there.
   */
  async #prove(producer: Producer): Promise<void> {
    await producer.connect();
    try {
      await this.#ask(producer);
    } catch (error) {
      if (!isBrokersAnswer(error)) throw error;
    }
  }

  async #ask(producer: Producer): Promise<void> {
    const topic = topicName(this.#settings.KAFKA_TOPIC_PREFIX, 'commands');
    await producer.sendBatch({ topicMessages: [{ topic, messages: [] }] });
  }

  #createProducer(): Producer {
    return this.#kafka.producer({
      allowAutoTopicCreation: false,
      createPartitioner,
      // The publisher retries itself: it leaves out what has passed its deadline meanwhile.
      retry: { retries: 0 },
    });
  }
}
