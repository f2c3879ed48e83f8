import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { Kafka } from 'kafkajs';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import {
  type RelayLease,
  deleteFromOutbox,
  dropRelayLease,
  holdRelayLease,
  readOutbox,
} from '#database/outbox.queries';
import { isTransient } from '#database/sqlstate';
import { inRequests } from '#kafka/in-requests';
import { ProducerLine } from '#kafka/producer-line';
import { Loop } from '../engine/loop.ts';
import { WORKER_NAME } from '../engine/worker-name.ts';
import { ActionMetrics } from '../metrics/action-metrics.ts';
import { cloudEvent } from './cloud-event.ts';
import { logEvent } from './life-log.ts';

/** How often a worker that does not relay looks whether it must. */
const STAND_BY_MS = 1000;
const LAST_STEP_MS = 1000;

/**
 * Publishes the outbox, oldest first, and deletes what Kafka has acknowledged. One request at a time, so that a
 * failed one can never be overtaken by a later one; a crash between the two repeats events, never skips one. Of all
 * workers one relays at a time, by lease; should two overlap, they repeat events and lose none.
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
    this.loop = new Loop(Relay.name, settings.RELAY_INTERVAL_MS, () => this.#relay());
  }

  /** Whether, of all workers, this one relays. */
  get leads(): boolean {
    return this.#lease !== undefined;
  }

  /** Publishes what is left if Kafka is there, and leaves the relay to another worker at once. */
  async stop(): Promise<void> {
    await this.loop.stop();
    if (this.#line.open) {
      const last = this.#relay().catch((error: unknown) => this.#logger.warn({ err: error }));
      await Promise.race([last, delay(LAST_STEP_MS)]);
    }
    await this.#line.close();
    if (!this.#lease) return;
    try {
      await dropRelayLease(this.#database.manager, this.#lease);
    } catch (error) {
      if (!isTransient(error)) throw error;
      // Postgres is away: the lease expires by itself.
    }
  }

  async #relay(): Promise<boolean> {
    await this.#holdLease();
    if (!this.#lease) return false;
    const events = await readOutbox(this.#database.manager, this.#settings.RELAY_BATCH_MAX);
    if (events.length === 0) return false;
    if (!this.#line.open) await this.#line.reconnect();
    const positions = events.map(({ position }) => position);
    for (const request of inRequests(events.map(cloudEvent), this.#limits)) {
      await this.#send(request);
    }
    if (await deleteFromOutbox(this.#database.manager, this.#lease, positions)) {
      for (const event of events) {
        this.#metrics.published(event);
        logEvent(this.#logger, event);
      }
      return true;
    }
    // Overtaken, or a predecessor's last delete came first: only the lease can tell which, and at once.
    this.#lease = undefined;
    this.#leaseLookAtMs = 0;
    return true;
  }

  async #send(request: ReturnType<typeof cloudEvent>[]): Promise<void> {
    try {
      await this.#line.send('events', request);
    } catch (error) {
      // A fresh connection: the old one may be dead without knowing it.
      await this.#line.reconnect();
      throw error;
    }
  }

  async #holdLease(): Promise<void> {
    if (performance.now() < this.#leaseLookAtMs) return;
    const { LEASE_MS } = this.#settings;
    const led = this.leads;
    this.#lease = await holdRelayLease(this.#database.manager, WORKER_NAME, LEASE_MS);
    if (this.leads && !led) this.onLead();
    const pauseMs = this.#lease ? LEASE_MS / 3 : STAND_BY_MS;
    this.#leaseLookAtMs = performance.now() + pauseMs;
  }

  get #limits() {
    const { RELAY_BATCH_MAX, PUBLISH_BATCH_BYTES_MAX } = this.#settings;
    return { messagesMax: RELAY_BATCH_MAX, bytesMax: PUBLISH_BATCH_BYTES_MAX };
  }
}
