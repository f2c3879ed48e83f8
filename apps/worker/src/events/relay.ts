import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { Kafka } from 'kafkajs';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import type { InsertedAction } from '#database/ingest.queries';
import type { OutboxEvent } from '#database/outbox-event';
import {
  type RelayLease,
  deleteFromOutbox,
  dropRelayLease,
  holdRelayLease,
} from '#database/outbox.queries';
import type { SettledEvent, Settlement } from '#database/settle.queries';
import { isTransient } from '#database/sqlstate';
import type { ReadCommand } from '#domain/command';
import { inRequests } from '#kafka/in-requests';
import { endsWithin } from '#kafka/bounded';
import { isBrokersAnswer, rootCause } from '#kafka/kafka-errors';
import { type FatedMessage, newFate, untilAnswered } from '#kafka/message-fate';
import { ProducerLine } from '#kafka/producer-line';
import { Loop } from '../process/loop.ts';
import { WORKER_NAME } from '../process/worker-name.ts';
import { ActionMetrics } from '../metrics/action-metrics.ts';
import { cloudEvent } from './cloud-event.ts';
import { Gathering } from './gathering.ts';
import { logEvent } from './life-log.ts';
import { NextEvents } from './next-events.ts';
import { type LeftOut, sendInOrder } from './send-in-order.ts';

/** How often a worker that does not relay looks whether it must. */
const STAND_BY_MS = 1000;
const LAST_STEP_MS = 1000;
/** When one leader is lost, the others answer at once. */
const OTHERS_ANSWER_MS = 250;

/**
 * Publishes the outbox, the events of an action in their order, and deletes what Kafka has acknowledged. One request at a time, and
 * nothing of an action behind what could not be published of it; a crash between the two repeats events, never skips one. Of all
 * workers one relays at a time, by lease; should two overlap, they repeat events and lose none.
 *
 * An event that is too large for the topic (none is as we set topics up) stays in the outbox with those that follow it of
 * the same action, is logged, and is tried again each minute. So it is with the events of a partition that takes nothing now, which
 * are tried again within half a minute. All others go on.
 *
 * What its own worker has just committed it publishes without a look into the outbox (`NextEvents`). By itself it steps only as
 * often as its lease asks for: who ingests or settles here wakes it, and the lookout does for all other events.
 */
@Injectable()
export class Relay {
  readonly loop: Loop;
  readonly #logger = new Logger(Relay.name);
  readonly #database: DataSource;
  readonly #settings: Settings;
  readonly #line: ProducerLine;
  readonly #metrics: ActionMetrics;
  #lease: RelayLease | undefined;
  #leaseLookAtMs = 0;
  readonly #gathering = new Gathering();
  /** What Kafka has is deleted while the relay gathers; false when that found nothing left to delete. */
  #forgetting: Promise<boolean> = Promise.resolve(true);
  /** More may wait than the last step could take. */
  #wasFull = false;
  readonly #next: NextEvents;
  readonly #partitionOf = (actionId: string) => this.#line.partitionOf('events', actionId);
  /** Called when this worker has become the one that relays. */
  onLead: () => void = () => undefined;

  constructor(
    @InjectDataSource() database: DataSource,
    kafka: Kafka,
    metrics: ActionMetrics,
    settings: Settings,
  ) {
    this.#database = database;
    this.#metrics = metrics;
    this.#settings = settings;
    this.#line = new ProducerLine(settings, kafka);
    this.#next = new NextEvents(database.manager, {
      lookIntervalMs: settings.RELAY_INTERVAL_MS,
      eventsMax: settings.RELAY_BATCH_MAX,
      partitionOf: this.#partitionOf,
    });
    const leaseLookMs = Math.min(STAND_BY_MS, settings.LEASE_MS / 3) / 2;
    this.loop = new Loop(Relay.name, leaseLookMs, () => this.#tryToRelay());
  }

  /** Whether, of all workers, this one relays. */
  get leads(): boolean {
    return this.#lease !== undefined;
  }

  /** Actions are about to be stored. To be followed by `expectNoMore`, whatever comes of it. */
  expectStarts(commands: readonly ReadCommand[]): void {
    // What others relay they have to read.
    if (this.leads) this.#next.expectStarts(commands);
  }

  expectNoMore(commands: readonly ReadCommand[]): void {
    this.#next.expectNoMore(commands);
  }

  /** Actions were stored, and that is committed. */
  noteStarted(actions: readonly InsertedAction[]): void {
    if (actions.length === 0) return;
    this.#next.noteStarted(actions);
    this.loop.wake();
  }

  /**
   * Attempts were settled, and that is committed: with little else to do what is to be said of them is said at once.
   * @param settled what counted, by attempt id
   */
  noteSettled(
    settlements: readonly Settlement[],
    settled: ReadonlyMap<string, SettledEvent | null>,
  ): void {
    this.#next.noteSettled(settlements, settled);
    this.#gathering.end();
    this.loop.wake();
  }

  /** Events were committed in some other way. */
  noteMore(): void {
    this.#next.noteUnknown();
    this.loop.wake();
  }

  /** Publishes what is left if Kafka is there, and leaves the relay to another worker at once. */
  async stop(): Promise<void> {
    const stopped = this.loop.stop();
    // The step may wait for Kafka to come back, which nothing but the end of the line ends.
    if (!(await endsWithin(stopped, LAST_STEP_MS))) await this.#line.close();
    await stopped;
    if (this.#line.open) {
      this.#next.mustLook();
      const last = this.#relay()
        .then(() => this.#areForgotten())
        .catch((error: unknown) => this.#logger.warn({ err: error }));
      await Promise.race([last, delay(LAST_STEP_MS)]);
    }
    await this.#line.close();
    // Under another one's lease it would delete nothing, and that one repeat a batch.
    await endsWithin(this.#forgetting, LAST_STEP_MS);
    if (!this.#lease) return;
    try {
      await dropRelayLease(this.#database.manager, this.#lease);
    } catch (error) {
      if (!isTransient(error)) throw error;
      // Postgres is away: the lease expires by itself.
    }
  }

  async #tryToRelay(): Promise<boolean> {
    try {
      return await this.#relay();
    } catch (error) {
      this.#next.mustLook();
      throw error;
    }
  }

  async #relay(): Promise<boolean> {
    await this.#holdLease();
    if (!this.#lease) {
      // Whoever has the relay now repeats what is left; what came of it here says nothing about a later lease.
      this.#forgetting = Promise.resolve(true);
      return false;
    }
    if (!this.#wasFull) await this.#gathering.wait();
    if (!(await this.#areForgotten())) {
      // Overtaken, or a predecessor's last delete came first: only the lease can tell which, and at once.
      this.#lease = undefined;
      this.#leaseLookAtMs = 0;
      this.#next.forget();
      return true;
    }
    const events = await this.#next.take();
    this.#gathering.found(events.length);
    this.#wasFull = events.length >= this.#settings.RELAY_BATCH_MAX;
    if (events.length === 0) return false;
    if (!this.#line.open) {
      await this.#line.reconnect();
      // That may have taken hours, in which another worker has relayed these.
      this.#next.mustLook();
      return true;
    }
    await this.#publish(events, this.#lease);
    return true;
  }

  /** What failed is not known to be forgotten, and is published again. */
  #areForgotten(): Promise<boolean> {
    const forgetting = this.#forgetting;
    this.#forgetting = Promise.resolve(true);
    return forgetting;
  }

  async #forget(published: OutboxEvent[], lease: RelayLease): Promise<boolean> {
    if (published.length === 0) return true;
    const positions = published.map(({ position }) => position);
    const areForgotten = await deleteFromOutbox(this.#database.manager, lease, positions);
    if (!areForgotten) return false;
    for (const event of published) {
      this.#metrics.published(event);
      logEvent(this.#logger, event);
    }
    return true;
  }

  /** What Kafka has is forgotten even if it does not have all. */
  async #publish(events: OutboxEvent[], lease: RelayLease): Promise<void> {
    const messages = events.map((event) => ({ ...cloudEvent(event), fate: newFate() }));
    const requests = inRequests(messages, this.#limits);
    const leftOut: LeftOut = { keys: new Set(), partitions: new Map() };
    const way = {
      send: (request: FatedMessage[]) => this.#send(request),
      partitionOf: this.#partitionOf,
      isSuspect: (partition: number) => this.#next.isSuspect(partition),
    };
    try {
      await sendInOrder(requests, way, leftOut);
    } catch (error) {
      this.#reconnect();
      throw error;
    } finally {
      this.#next.holdBack(leftOut);
      const published = events.filter((_, index) => messages[index]!.fate.receipt);
      this.#forgetting = this.#forget(published, lease);
      // Whoever waits for it hears of its failure; until then nobody does.
      this.#forgetting.catch(() => undefined);
    }
  }

  /** @throws what the first leader said that refused, when the others have answered as well, or did not in time */
  async #send(request: FatedMessage[]): Promise<void> {
    try {
      await this.#line.send('events', () => request);
    } catch (error) {
      const waitMs = isBrokersAnswer(error) ? this.#settings.ACCEPT_TIMEOUT_MS : OTHERS_ANSWER_MS;
      if (!(await untilAnswered(request, waitMs))) this.#reconnect();
      throw error;
    }
  }

  /** In the background: the old connections may be dead without knowing it. */
  #reconnect(): void {
    this.#line
      .reconnect()
      .catch((reason: unknown) => this.#logger.error(rootCause(reason).message));
  }

  async #holdLease(): Promise<void> {
    if (performance.now() < this.#leaseLookAtMs) return;
    const { LEASE_MS } = this.#settings;
    const before = this.#lease;
    this.#lease = await holdRelayLease(this.#database.manager, WORKER_NAME, LEASE_MS);
    // Others may have relayed meanwhile.
    if (this.#lease?.epoch !== before?.epoch) this.#next.forget();
    if (this.leads && !before) this.onLead();
    const pauseMs = this.#lease ? LEASE_MS / 3 : STAND_BY_MS;
    this.#leaseLookAtMs = performance.now() + pauseMs;
  }

  get #limits() {
    const { RELAY_BATCH_MAX, PUBLISH_BATCH_BYTES_MAX } = this.#settings;
    return { messagesMax: RELAY_BATCH_MAX, bytesMax: PUBLISH_BATCH_BYTES_MAX };
  }
}
