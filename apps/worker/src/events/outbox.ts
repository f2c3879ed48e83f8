import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import {
  type OutboxEvent,
  type RelayLease,
  deleteAndReadOutbox,
  deleteFromOutbox,
  readOutbox,
} from '#database/outbox.queries';
import { ActionMetrics } from '../metrics/action-metrics.ts';
import { logEvent } from './life-log.ts';

/** The outbox as the relay goes through it: what Kafka has is forgotten together with the next look, in one round trip. */
export class Outbox {
  readonly #logger = new Logger('Relay');
  readonly #database: DataSource;
  readonly #metrics: ActionMetrics;
  readonly #batchMax: number;
  /** What Kafka has and the outbox still holds. */
  #published: OutboxEvent[] = [];

  constructor(database: DataSource, metrics: ActionMetrics, batchMax: number) {
    this.#database = database;
    this.#metrics = metrics;
    this.#batchMax = batchMax;
  }

  /** Kafka has these; the next look forgets them. */
  published(events: OutboxEvent[]): void {
    this.#published = events;
  }

  /**
   * @param without actions whose events are passed over
   * @returns the oldest events; undefined when what was published could not be forgotten, as another worker has the relay
   * or has forgotten it
   */
  async readOn(
    lease: RelayLease,
    without: ReadonlySet<string>,
  ): Promise<OutboxEvent[] | undefined> {
    const { manager } = this.#database;
    if (this.#published.length === 0) return readOutbox(manager, this.#batchMax, [...without]);
    const published = { lease, positions: this.#positions() };
    const events = await deleteAndReadOutbox(manager, published, this.#batchMax, [...without]);
    this.#note(events !== undefined);
    return events;
  }

  /** For when nothing is read any more. */
  async forget(lease: RelayLease): Promise<void> {
    if (this.#published.length === 0) return;
    this.#note(await deleteFromOutbox(this.#database.manager, lease, this.#positions()));
  }

  /** Another worker has the relay, and publishes again what is still there. */
  leave(): void {
    this.#published = [];
  }

  #positions(): string[] {
    return this.#published.map(({ position }) => position);
  }

  #note(areForgotten: boolean): void {
    const published = this.#published;
    this.#published = [];
    if (!areForgotten) return;
    for (const event of published) {
      this.#metrics.published(event);
      logEvent(this.#logger, event);
    }
  }
}
