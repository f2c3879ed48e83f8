import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { LoggerService } from '@nestjs/common';
import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload, Kafka } from 'kafkajs';
import { endsWithin } from './bounded.ts';
import { ConsumerCommits } from './consumer-commits.ts';
import { isNotAllowed, isOutage, rootCause } from './kafka-errors.ts';
import type { OffsetReader } from './offset-reader.ts';
import { SmallBatches } from './small-batches.ts';

/** What is fetched at once, with the way to be done with it. */
export interface BatchPayload extends EachBatchPayload {
  /**
   * Everything up to this offset is done: what follows may come, and the commit trails (`ConsumerCommits`).
   * @param isLast the membership is over, or nearly so: returns once the commit has been tried, as it also does while the
   * consumer stops
   * @throws when the consumer was given up: kafkajs has to act on that
   */
  done(offset: string, isLast?: boolean): Promise<void>;
}

/** What a consumer needs to know to run and to be kept running. */
export interface BatchConsumerOptions {
  /**
   * A client for one consumer: two of one group must not share it, kafkajs mixes up their offsets. It must
   * show the socket of every attempt to connect.
   */
  createKafka: (onSocket: (socket: Socket) => void) => Kafka;
  groupId: string;
  topic: string;
  /** `latest`: only what comes from now on, and the group commits nothing. Default: all that is not committed. */
  from?: 'committed' | 'latest';
  partitionsConcurrently: number;
  eachBatch: (payload: BatchPayload) => Promise<void>;
  /** Where the group is on its topic; left out when it commits nothing. */
  offsets?: OffsetReader;
  /** The consumer cannot go on, and no new one could. Called at most once. */
  onFatal: (error: Error) => void;
  logger: LoggerService;
}

/** Also how long the partitions of a worker that died have no owner. */
const SESSION_TIMEOUT_MS = 10_000;
const REBALANCE_TIMEOUT_MS = 30_000;
const HEARTBEAT_INTERVAL_MS = 1000;
/** The long poll, which a message ends at once: also how long a stop, and a resumed partition, may have to wait. */
const FETCH_WAIT_MS = 500;
const RECONNECT_DELAY_MS_MIN = 200;
const RECONNECT_DELAY_MS_MAX = 5000;
const DISCONNECT_TIMEOUT_MS = 3000;
const STOP_POLL_MS = 10;
/** How long a stop waits for a join under way. */
const JOIN_TIMEOUT_MS = 3000;
/** And for the commits of what was done before it: what it does not wait for comes again, to whoever is next. */
const LAST_COMMITS_TIMEOUT_MS = 1000;
const WATCH_INTERVAL_MS = 1000;
/** How often it is looked whether the topic is still the one that was read. */
const RENEWAL_LOOK_MS = 3000;
/** Without a sign of life for so long the consumer is replaced; longer than any join, shorter than liveness. */
const STALL_MS = 45_000;
const ALIVE_WITHIN_MS = 60_000;
/** Several long polls: without an answer for so long, Kafka is away. */
const HEARD_WITHIN_MS = 5000;

/** Ends a consumer that was given up but still runs: kafkajs stops for good on what must not be retried. */
class ConsumerReplaced extends Error {
  readonly retriable = false;
}

/**
 * One kafkajs consumer that stays in the group whatever Kafka does: it waits for a Kafka that is away at the
 * start, and is replaced by a new one where kafkajs gives up, or hangs, over an outage.
 */
export class BatchConsumer {
  readonly #options: BatchConsumerOptions;
  #consumer: Consumer | undefined;
  #starting: Promise<void> = Promise.resolve();
  #joined = false;
  #stopping = false;
  #fatal = false;
  #handlersRunning = 0;
  #joins = 0;
  #listens = false;
  readonly #commits: ConsumerCommits;
  readonly #smallBatches = new SmallBatches();
  #renewalLookAtMs = 0;
  #lastProgressMs = performance.now();
  #lastHeardMs = 0;
  #reconnectDelayMs = RECONNECT_DELAY_MS_MIN;
  readonly #sockets = new Set<Socket>();
  #startTimer: NodeJS.Timeout | undefined;
  #watchTimer: NodeJS.Timeout | undefined;
  #disposing: Promise<unknown> = Promise.resolve();

  constructor(options: BatchConsumerOptions) {
    this.#options = options;
    const { topic, offsets, logger } = options;
    this.#commits = new ConsumerCommits({
      topic,
      offsets,
      send: async ({ topics }) => {
        const partitions = topics.flatMap((of) => of.partitions);
        if (!this.#consumer) throw new ConsumerReplaced('replaced');
        await this.#consumer.commitOffsets(partitions.map((of) => ({ topic, ...of })));
      },
      onRenewed: () => this.#startOver(),
      logger,
    });
  }

  /** Whether this process is a member of the group and hears from Kafka: readiness. */
  get joined(): boolean {
    const silentMs = performance.now() - this.#lastHeardMs;
    return this.#joined && (this.#handlersRunning > 0 || silentMs < HEARD_WITHIN_MS);
  }

  /**
   * The number of the membership under which it hears of all that is appended from now on; undefined while it may
   * miss something. Another number means that it may have missed something in between.
   */
  get listening(): number | undefined {
    return this.joined && this.#listens ? this.#joins : undefined;
  }

  /** Whether the loop goes round, be it only to look for a Kafka that is away: liveness. */
  get alive(): boolean {
    return !this.#fatal && this.#sinceProgressMs < ALIVE_WITHIN_MS;
  }

  /** Starts in the background and never fails; `joined` tells when messages can come. */
  start(): void {
    this.#watchTimer = setInterval(() => this.#watch(), WATCH_INTERVAL_MS);
    this.#begin();
  }

  /**
   * Stops fetching, waits for the running handlers up to `graceMs`, leaves the group.
   * Returns false if a handler still ran by then.
   */
  async stop(graceMs: number): Promise<boolean> {
    this.#stopping = true;
    clearTimeout(this.#startTimer);
    clearInterval(this.#watchTimer);
    // A consumer that is stopped while it joins would join all the same, and run on.
    await endsWithin(this.#starting, Math.min(graceMs, JOIN_TIMEOUT_MS));
    this.#commits.retry();
    await this.#lastCommits();
    await this.#disconnect(graceMs);
    this.#consumer = undefined;
    this.#joined = false;
    await Promise.all([this.#disposing, this.#commits.close()]);
    // kafkajs forgets some (those of a coordinator that it had lost and found again), with a timer on each; an
    // error makes it drop both.
    for (const socket of this.#sockets) socket.destroy(new Error('left over at the end'));
    return this.#handlersRunning === 0;
  }

  /** Handlers get all of the grace; Kafka, which may be away, only as long as a goodbye takes. */
  async #disconnect(graceMs: number): Promise<void> {
    if (!this.#consumer) return;
    const disconnected = this.#consumer.disconnect();
    const deadlineMs = performance.now() + graceMs;
    while (this.#handlersRunning > 0 && performance.now() < deadlineMs) {
      await delay(STOP_POLL_MS);
    }
    await endsWithin(disconnected, DISCONNECT_TIMEOUT_MS);
  }

  #begin(): void {
    const kafka = this.#client();
    if (!kafka) return this.#beginLater();
    const consumer: Consumer = kafka.consumer({
      groupId: this.#options.groupId,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_INTERVAL_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      minBytes: 1,
      allowAutoTopicCreation: false,
      retry: {
        // Only errors of Kafka get here. A minute of patience keeps the membership over a broker that is up
        // but not ready; then kafkajs starts anew.
        initialRetryTime: 200,
        maxRetryTime: 1000,
        retries: 60,
        // One that was given up and fails at last would otherwise start again, beside its successor.
        restartOnFailure: () => Promise.resolve(consumer === this.#consumer && !this.#stopping),
      },
    });
    this.#consumer = consumer;
    this.#observe(consumer);
    this.#starting = this.#run(consumer).catch((error: unknown) => {
      this.#options.logger.warn(`Kafka is away, trying again: ${rootCause(error).message}`);
      this.#replace(consumer);
    });
  }

  /** None while it cannot be made, as of a file that somebody replaces. */
  #client(): Kafka | undefined {
    try {
      return this.#options.createKafka((socket) => {
        this.#progress();
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      });
    } catch (error) {
      this.#options.logger.warn(`No client for Kafka, trying again: ${rootCause(error).message}`);
      return undefined;
    }
  }

  #beginLater(): void {
    this.#progress();
    this.#startTimer = setTimeout(() => this.#begin(), this.#reconnectDelayMs);
    this.#reconnectDelayMs = Math.min(this.#reconnectDelayMs * 2, RECONNECT_DELAY_MS_MAX);
  }

  async #run(consumer: Consumer): Promise<void> {
    const { topic, partitionsConcurrently, from } = this.#options;
    await consumer.connect();
    // From the beginning: kafkajs would skip what was produced before the first join.
    await consumer.subscribe({ topics: [topic], fromBeginning: from !== 'latest' });
    await consumer.run({
      // kafkajs would commit what it has passed over without a look at whether it was in its place.
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: partitionsConcurrently,
      eachBatch: (payload) => this.#eachBatch(consumer, payload),
    });
  }

  async #eachBatch(consumer: Consumer, payload: EachBatchPayload): Promise<void> {
    if (consumer !== this.#consumer) throw new ConsumerReplaced('replaced');
    this.#commits.began(payload);
    this.#handlersRunning++;
    const beganAtMs = performance.now();
    try {
      await this.#options.eachBatch({
        ...payload,
        done: async (offset, isLast = false) => {
          if (consumer !== this.#consumer) throw new ConsumerReplaced('replaced');
          this.#commits.done(payload, offset);
          // The goodbye to the group follows the last handler at once.
          if (isLast || this.#stopping) await this.#lastCommits();
          // A round of many slow batches is progress, too.
          this.#progress();
        },
      });
      // What it has not begun is fetched again and again until it has stopped.
      if (this.#stopping) await this.#lastCommits();
      else await this.#rest(payload, performance.now() - beganAtMs);
      this.#progress();
    } finally {
      this.#handlersRunning--;
    }
  }

  /** kafkajs fetches on when all it has fetched is handled: so it is part of handling. */
  async #rest({ batch }: EachBatchPayload, tookMs: number): Promise<void> {
    const done = {
      messages: batch.messages.length,
      behind: Number(batch.offsetLag()),
      tookMs,
      running: this.#handlersRunning,
      runningMax: this.#options.partitionsConcurrently,
    };
    const restMs = this.#smallBatches.restAfter(done, performance.now());
    if (restMs > 0) await delay(restMs);
  }

  async #lastCommits(): Promise<void> {
    await endsWithin(this.#commits.allSettled(), LAST_COMMITS_TIMEOUT_MS);
  }

  /** What is done and not committed comes again, and so does all that is before it. */
  #startOver(): void {
    if (!this.#consumer) return;
    const { topic, logger } = this.#options;
    logger.warn(`${topic} was made anew, reading it from its beginning`);
    this.#replace(this.#consumer);
  }

  #observe(consumer: Consumer): void {
    const { GROUP_JOIN, REBALANCING, FETCH_START, FETCH, END_BATCH_PROCESS, STOP, CRASH } =
      consumer.events;
    const whenCurrent =
      <Event>(action: (event: Event) => void) =>
      (event: Event) => {
        if (consumer === this.#consumer) action(event);
      };
    consumer.on(
      GROUP_JOIN,
      whenCurrent(({ payload }: ConsumerGroupJoinEvent) => {
        this.#joined = true;
        this.#joins++;
        this.#commits.joined(payload.memberAssignment[this.#options.topic] ?? []);
        this.#listens = false;
        this.#reconnectDelayMs = RECONNECT_DELAY_MS_MIN;
        this.#heard();
      }),
    );
    const leave = () => {
      this.#joined = false;
      this.#commits.forgetMembership();
      this.#progress();
    };
    consumer.on(REBALANCING, whenCurrent(leave));
    consumer.on(
      STOP,
      whenCurrent(() => {
        leave();
        this.#commits.forgetRun();
      }),
    );
    const goOn = whenCurrent(() => this.#progress());
    consumer.on(FETCH_START, goOn);
    consumer.on(
      FETCH,
      whenCurrent(() => {
        // Where it begins is settled with the first fetch, not with the join.
        this.#listens = true;
        this.#heard();
      }),
    );
    consumer.on(END_BATCH_PROCESS, ({ payload }) => {
      if (consumer === this.#consumer && payload.batchSize === 0) this.#commits.passedOver(payload);
    });
    consumer.on(CRASH, ({ payload: { error, restart } }) => {
      if (consumer !== this.#consumer || this.#stopping) return;
      leave();
      if (!restart) this.#crashed(consumer, error);
    });
  }

  /** kafkajs has given up. Over an outage a new consumer will do; over anything else none will. */
  #crashed(consumer: Consumer, error: Error): void {
    // It may have been let in: not again and again.
    if (isNotAllowed(error)) this.#reconnectDelayMs = RECONNECT_DELAY_MS_MAX;
    if (isNotAllowed(error) || isOutage(error)) {
      this.#options.logger.warn(`The consumer is made anew: ${rootCause(error).message}`);
      this.#replace(consumer);
      return;
    }
    this.#fatal = true;
    clearInterval(this.#watchTimer);
    this.#options.onFatal(rootCause(error));
  }

  #replace(consumer: Consumer): void {
    if (consumer !== this.#consumer || this.#fatal) return;
    this.#consumer = undefined;
    this.#joined = false;
    this.#commits.forgetConsumer();
    this.#disposing = Promise.all([
      this.#disposing,
      endsWithin(consumer.disconnect(), DISCONNECT_TIMEOUT_MS),
    ]).then(() => undefined);
    if (!this.#stopping) this.#beginLater();
  }

  #watch(): void {
    this.#watchForStall();
    this.#watchForRenewal();
    this.#commits.retry();
  }

  #watchForRenewal(): void {
    const consumer = this.#consumer;
    const nowMs = performance.now();
    if (!consumer || !this.#joined || nowMs < this.#renewalLookAtMs) return;
    this.#renewalLookAtMs = nowMs + RENEWAL_LOOK_MS;
    this.#commits
      .isRenewed()
      .then((isRenewed) => {
        if (isRenewed && consumer === this.#consumer) this.#startOver();
      })
      // Kafka is away: later will do.
      .catch(() => undefined);
  }

  /** A loop that does not go round and has no handler to wait for hangs in kafkajs. */
  #watchForStall(): void {
    if (this.#sinceProgressMs < STALL_MS || this.#handlersRunning > 0 || !this.#consumer) return;
    this.#options.logger.warn('The consumer shows no sign of life and is made anew');
    this.#replace(this.#consumer);
  }

  #heard(): void {
    this.#lastHeardMs = performance.now();
    this.#progress();
  }

  get #sinceProgressMs(): number {
    return performance.now() - this.#lastProgressMs;
  }

  #progress(): void {
    this.#lastProgressMs = performance.now();
  }
}
