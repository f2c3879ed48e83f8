import { Injectable } from '@nestjs/common';
import { type Counter, type Gauge, type Histogram, Registry } from 'prom-client';
import type { Claim } from '#database/claim.queries';
import type { OutboxEvent } from '#database/outbox-event';
import type { CreateCommand } from '#domain/command';
import { type ApiErrorCode, FAILURE_CODES } from '#domain/errors';
import type { EventType } from '#domain/event';
import type { DeadLetterCause } from '#kafka/dead-letter';
import type { LogicalTopic } from '#kafka/topics';
import { counter, gauge, histogram } from '#observability/metrics';
import { Catalogue, providerKey } from '#providers/catalogue';
import { MetricLabels } from '#providers/metric-labels';
import type { Finding, Outcome } from '#providers/provider';
import { revertOf } from '#providers/revert-action';
import { isFailedRevert } from '../reverts/failed-revert.ts';

/** What a provider is asked. */
export type Call = 'execute' | 'probe' | 'cancel';

const ENDS: EventType[] = ['completed', 'failed', 'cancelled'];

/** The failures by their code. */
const OUTCOMES = new Map<number, string>(
  Object.entries(FAILURE_CODES).map(([name, code]) => [code, name]),
);

/** The outcomes that alerts wait for, as `TROUBLE` of the life log. */
const OUTCOMES_AT_START: (keyof typeof FAILURE_CODES)[] = [
  'outcomeUnknown',
  'retriesExhausted',
  'expired',
];
/** Pairs of provider and action that begin at 0; 3 series each. A catalogue may have a million, and each series is read at each scrape. */
export const PAIRS_AT_START_MAX = 2000;

/** What a message of each topic can be put aside for. */
const DEAD_LETTERS_AT_START = {
  commands: ['invalidRequest', 'expired', 'idempotencyKeyReuse'],
  requests: [
    'InvalidAuthenticationToken',
    'Authorization_RequestDenied',
    'invalidRequest',
    'requestEntityTooLarge',
    'unknownProvider',
    'unknownAction',
    'serviceNotAvailable',
    'generalException',
  ],
  reports: [
    'InvalidAuthenticationToken',
    'Authorization_RequestDenied',
    'invalidRequest',
    'requestEntityTooLarge',
    'itemNotFound',
    'serviceNotAvailable',
  ],
  'dead-letters': ['invalidRequest'],
} satisfies Partial<Record<LogicalTopic, ApiErrorCode[]>>;

/**
 * Counts what happens to actions. Their lives are counted from the events that are published: whoever ended an action
 * (a provider, a report, a cancel, the recovery), its end is one event, and one worker publishes it.
 */
@Injectable()
export class ActionMetrics {
  readonly #labels: MetricLabels;
  readonly #accepted: Counter<'door' | 'provider' | 'action'>;
  readonly #ingested: Counter<'provider' | 'action'>;
  readonly #resent: Counter<'provider' | 'action'>;
  readonly #ended: Counter<'provider' | 'action' | 'outcome'>;
  readonly #revertsFailed: Counter<'provider' | 'action'>;
  readonly #startLatency: Histogram<'provider' | 'action'>;
  readonly #endLatency: Histogram<'provider' | 'action' | 'outcome'>;
  readonly #published: Counter<'type'>;
  readonly #calls: Counter<'provider' | 'action' | 'call' | 'outcome'>;
  readonly #callDuration: Histogram<'provider' | 'call'>;
  readonly #callsInFlight: Gauge<'provider'>;
  readonly #deadLetters: Counter<'topic' | 'code'>;
  readonly #deadLettersUnlisted: Counter;
  readonly #removed: Counter;

  constructor(registry: Registry, catalogue: Catalogue) {
    this.#labels = new MetricLabels(catalogue);
    this.#accepted = counter(registry, 'security_actions_accepted_total');
    this.#ingested = counter(registry, 'security_actions_ingested_total');
    this.#resent = counter(registry, 'security_actions_resends_total');
    this.#ended = counter(registry, 'security_actions_ended_total');
    this.#revertsFailed = counter(registry, 'security_actions_reverts_failed_total');
    this.#startLatency = histogram(registry, 'security_actions_start_latency_seconds');
    this.#endLatency = histogram(registry, 'security_actions_end_latency_seconds');
    this.#published = counter(registry, 'security_actions_events_published_total');
    this.#calls = counter(registry, 'security_actions_provider_calls_total');
    this.#callDuration = histogram(registry, 'security_actions_provider_call_duration_seconds');
    this.#callsInFlight = gauge(registry, 'security_actions_provider_calls_in_flight');
    this.#deadLetters = counter(registry, 'security_actions_dead_letters_total');
    this.#deadLettersUnlisted = counter(registry, 'security_actions_dead_letters_unlisted_total');
    this.#removed = counter(registry, 'security_actions_removed_total');
    this.#beginAtZero(catalogue);
  }

  /** What alerts are about: the growth of a series that begins with the first case does not show that case. */
  #beginAtZero(catalogue: Catalogue): void {
    for (const labels of this.#labels.all().slice(0, PAIRS_AT_START_MAX)) {
      for (const outcome of OUTCOMES_AT_START) this.#ended.inc({ ...labels, outcome }, 0);
    }
    for (const labels of revertsOf(catalogue).slice(0, PAIRS_AT_START_MAX)) {
      this.#revertsFailed.inc(labels, 0);
    }
    for (const [topic, codes] of Object.entries(DEAD_LETTERS_AT_START)) {
      for (const code of codes) this.#deadLetters.inc({ topic, code }, 0);
    }
  }

  /** Kafka has the command that a request on Kafka became. */
  accepted({ provider }: CreateCommand): void {
    this.#accepted.inc({ door: 'kafka', ...this.#labels.of(provider.key, provider.action) });
  }

  /** To be told of each event once: when it has left the outbox. */
  published(event: OutboxEvent): void {
    const { type, action } = event;
    this.#published.inc({ type });
    const labels = this.#labels.of(event.providerKey, event.actionName);
    if (type === 'created') this.#ingested.inc(labels);
    // The first change of status after the acceptance.
    if (type === 'started') this.#startLatency.observe(labels, sinceCreation(event));
    if (!ENDS.includes(type)) return;
    if (isFailedRevert(event)) this.#revertsFailed.inc(labels);
    const code = action.errorInfo?.code;
    const outcome = code === undefined ? 'completed' : (OUTCOMES.get(code) ?? 'other');
    this.#ended.inc({ ...labels, outcome });
    this.#endLatency.observe({ ...labels, outcome }, sinceCreation(event));
  }

  /** A command was another sending of a create that is an action already. */
  resent({ key, action }: CreateCommand['provider']): void {
    this.#resent.inc(this.#labels.of(key, action));
  }

  /** A call begins. @returns to be called when it has ended, with what it brought */
  callBegins(
    { providerKey, actionName }: Claim,
    call: Call,
  ): (outcome: (Outcome | Finding)['kind']) => void {
    const labels = this.#labels.of(providerKey, actionName);
    const { provider } = labels;
    const beganAtMs = performance.now();
    this.#callsInFlight.inc({ provider });
    return (outcome) => {
      this.#callsInFlight.dec({ provider });
      this.#calls.inc({ ...labels, call, outcome });
      this.#callDuration.observe({ provider, call }, (performance.now() - beganAtMs) / 1000);
    };
  }

  deadLettered(topic: LogicalTopic, { code }: Pick<DeadLetterCause, 'code'>): void {
    this.#deadLetters.inc({ topic, code });
  }

  /** So many letters have left the list, because there were too many. */
  deadLettersUnlisted(letters: number): void {
    this.#deadLettersUnlisted.inc(letters);
  }

  /** So many actions were removed for their age. */
  removed(actions: number): void {
    this.#removed.inc(actions);
  }
}

/** In seconds. */
function sinceCreation({ action, dateTime }: OutboxEvent): number {
  return (Date.parse(dateTime) - Date.parse(action.createdDateTime!)) / 1000;
}

/** What can undo something by itself. */
function revertsOf({ providers }: Catalogue): { provider: string; action: string }[] {
  return providers.flatMap((entry) => {
    const names = entry.actions.flatMap(({ name }) => revertOf(entry, name)?.name ?? []);
    return [...new Set(names)].map((action) => ({ provider: providerKey(entry), action }));
  });
}
