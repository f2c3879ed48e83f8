import { setTimeout as delay } from 'node:timers/promises';
import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { type Gauge, Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { Settings } from '#config/settings';
import { type Backlog, UNFINISHED_STATES, readBacklog } from '#database/backlog.queries';
import { countOverdueTimers, countWaitingTimers } from '#database/reverts.queries';
import { ProjectionProgress } from '#kafka/projection-progress';
import { RequestsProgress } from '#kafka/requests-progress';
import type { TopicProgress } from '#kafka/topic-progress';
import { gauge } from '#observability/metrics';
import { Catalogue } from '#providers/catalogue';
import { revertOf } from '#providers/revert-action';
import { Loop } from '../process/loop.ts';
import { Relay } from '../events/relay.ts';

const LAST_STEP_MS = 1000;

/**
 * Measures what is left to do in all, every METRICS_INTERVAL_MS however often the metrics are read, and in one worker:
 * the one that relays. The others, and this one when it cannot measure, do not show these metrics at all.
 */
@Injectable()
export class BacklogWatch implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #logger = new Logger(BacklogWatch.name);
  readonly #loop: Loop;
  readonly #stopping = new AbortController();
  readonly #database: DataSource;
  readonly #commands: ProjectionProgress;
  readonly #requests: RequestsProgress;
  readonly #relay: Relay;
  readonly #catalogue: Catalogue;
  readonly #unfinished: Gauge<'state'>;
  readonly #oldestAge: Gauge<'status'>;
  readonly #holds: Gauge;
  readonly #outbox: Gauge;
  readonly #outboxAge: Gauge;
  readonly #overdueReverts: Gauge;
  readonly #commandsLag: Gauge<'partition'>;
  readonly #requestsLag: Gauge<'partition'>;

  constructor(
    registry: Registry,
    @InjectDataSource() database: DataSource,
    commands: ProjectionProgress,
    requests: RequestsProgress,
    relay: Relay,
    catalogue: Catalogue,
    settings: Settings,
  ) {
    this.#database = database;
    this.#commands = commands;
    this.#requests = requests;
    this.#relay = relay;
    this.#catalogue = catalogue;
    this.#unfinished = gauge(registry, 'security_actions_unfinished');
    this.#oldestAge = gauge(registry, 'security_actions_oldest_age_seconds');
    this.#holds = gauge(registry, 'security_actions_standing_holds');
    this.#outbox = gauge(registry, 'security_actions_outbox_events');
    this.#outboxAge = gauge(registry, 'security_actions_outbox_oldest_age_seconds');
    this.#overdueReverts = gauge(registry, 'security_actions_overdue_reverts');
    this.#commandsLag = gauge(registry, 'security_actions_commands_lag');
    this.#requestsLag = gauge(registry, 'security_actions_requests_lag');
    this.#hideBacklog();
    this.#overdueReverts.remove();
    this.#loop = new Loop(BacklogWatch.name, settings.METRICS_INTERVAL_MS, () => this.#measure());
    relay.onLead = () => this.#loop.wake();
  }

  onApplicationBootstrap(): void {
    this.#loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    // Kafka may be away: what is still being read then comes to nothing by itself.
    await Promise.race([this.#loop.stop(), delay(LAST_STEP_MS)]);
    // A pool closes only once nobody uses its connections.
    this.#stopping.abort();
  }

  async #measure(): Promise<boolean> {
    await Promise.all([
      this.#try(
        async () => this.#showBacklog(await readBacklog(this.#database, this.#stopping.signal)),
        () => this.#hideBacklog(),
      ),
      this.#try(
        async () => this.#overdueReverts.set(await this.#countOverdueReverts()),
        () => this.#overdueReverts.remove(),
      ),
      this.#measureLag(this.#commands, this.#commandsLag),
      this.#measureLag(this.#requests, this.#requestsLag),
    ]);
    return false;
  }

  /** Those that are not looked at, and those that are looked at in vain. Of providers we do not know we cannot tell more. */
  async #countOverdueReverts(): Promise<number> {
    const { manager } = this.#database;
    const unseen = await countOverdueTimers(manager);
    const lost = (await countWaitingTimers(manager)).filter(({ providerKey, actionName }) => {
      const provider = this.#catalogue.get(providerKey);
      return provider && !revertOf(provider, actionName);
    });
    return lost.reduce((sum, { count }) => sum + count, unseen);
  }

  /** A measurement that fails is left to the next: repeating it at once would burden what is in trouble. */
  async #try(measure: () => Promise<void>, hide: () => void): Promise<void> {
    if (!this.#relay.leads) return hide();
    try {
      await measure();
    } catch (error) {
      hide();
      this.#logger.warn({ err: error }, 'backlog not measured');
    }
  }

  #showBacklog(backlog: Backlog): void {
    for (const state of UNFINISHED_STATES) {
      this.#unfinished.set({ state }, backlog.unfinished[state]);
    }
    this.#oldestAge.set({ status: 'NotStarted' }, backlog.oldestNotStartedSeconds);
    this.#oldestAge.set({ status: 'Running' }, backlog.oldestRunningSeconds);
    this.#holds.set(backlog.standingHolds);
    this.#outbox.set(backlog.outboxEvents);
    this.#outboxAge.set(backlog.outboxOldestSeconds);
  }

  /** A 0 would be a claim; `reset` would set one where there are no labels. */
  #hideBacklog(): void {
    for (const labelled of [this.#unfinished, this.#oldestAge]) labelled.reset();
    for (const single of [this.#holds, this.#outbox, this.#outboxAge]) single.remove();
  }

  #measureLag(topic: TopicProgress, lag: Gauge<'partition'>): Promise<void> {
    return this.#try(
      async () => {
        for (const [partition, messages] of await topic.messagesBehind()) {
          lag.set({ partition }, messages);
        }
      },
      () => lag.reset(),
    );
  }
}
