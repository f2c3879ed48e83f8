/*
 * Every metric of every process, in one place: docs/operations.md shows this table, and a test keeps the two equal.
 * Labels have few values: a provider and an action as the catalogue spells them (what is in no catalogue is `other`),
 * never a tenant and never an id.
 */

/** What a metric is, before a process makes it. */
interface MetricDeclaration {
  type: 'counter' | 'gauge' | 'histogram';
  /** Which processes have it. */
  of: 'api' | 'worker' | 'both';
  labels: readonly string[];
  help: string;
  /** Upper bounds, in the unit of the name; histograms only. */
  buckets?: readonly number[];
}

/** An answer of this service: it does not wait for providers. */
const ANSWER_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** A provider's answer: up to the longest `timeoutMs` that is usual. */
const CALL_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** An action may wait for its target, a hold, a retry or a provider: from milliseconds to a day. */
const ACTION_SECONDS = [
  0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 21_600, 86_400,
];

export const METRICS = {
  http_request_duration_seconds: {
    type: 'histogram',
    of: 'api',
    labels: ['method', 'route', 'status'],
    help: 'Time from the request line to the end of the answer.',
    buckets: ANSWER_SECONDS,
  },
  security_actions_accepted_total: {
    type: 'counter',
    of: 'both',
    labels: ['door', 'provider', 'action'],
    help: 'Creates that Kafka holds: answered 201 (door http, by the API), or taken from requests (door kafka, by workers: each message, so a repeat under its idempotency-key too, and all since the last commit again when a worker dies or loses the partition). Timed reverts are none.',
  },
  security_actions_replayed_total: {
    type: 'counter',
    of: 'api',
    labels: ['provider', 'action'],
    help: 'Creates answered 201 with the action that their Idempotency-Key stands for: nothing new was accepted.',
  },
  security_actions_publish_queue_messages: {
    type: 'gauge',
    of: 'both',
    labels: [],
    help: 'Messages that wait in this process for Kafka; at PUBLISH_QUEUE_MESSAGES_MAX creates are 503.',
  },
  security_actions_publish_queue_bytes: {
    type: 'gauge',
    of: 'both',
    labels: [],
    help: 'The same in bytes; the limit is PUBLISH_QUEUE_BYTES_MAX.',
  },
  security_actions_database_connections: {
    type: 'gauge',
    of: 'both',
    labels: ['pool', 'state'],
    help: 'Connections to Postgres by state: busy, idle, or waiting (for one to become free).',
  },
  security_actions_log_lines_dropped_total: {
    type: 'counter',
    of: 'both',
    labels: [],
    help: 'Log lines that were dropped because they could not be written and too many waited for that already, as when the disk under the log is full.',
  },
  security_actions_ingested_total: {
    type: 'counter',
    of: 'worker',
    labels: ['provider', 'action'],
    help: 'Actions stored, each once however often its command came.',
  },
  security_actions_resends_total: {
    type: 'counter',
    of: 'worker',
    labels: ['provider', 'action'],
    help: 'Creates found to be further sendings of one that is an action already, each once.',
  },
  security_actions_ended_total: {
    type: 'counter',
    of: 'worker',
    labels: ['provider', 'action', 'outcome'],
    help: 'Actions that ended, each once: completed, or the name of the failure code.',
  },
  security_actions_reverts_failed_total: {
    type: 'counter',
    of: 'worker',
    labels: ['provider', 'action'],
    help: 'Timed reverts that ended Failed and were not superseded: what they were to undo stands, and nobody tries again.',
  },
  security_actions_start_latency_seconds: {
    type: 'histogram',
    of: 'worker',
    labels: ['provider', 'action'],
    help: 'From accepted to Running, once an action.',
    buckets: ACTION_SECONDS,
  },
  security_actions_end_latency_seconds: {
    type: 'histogram',
    of: 'worker',
    labels: ['provider', 'action', 'outcome'],
    help: 'From accepted to the terminal status, once an action; outcome as in security_actions_ended_total.',
    buckets: ACTION_SECONDS,
  },
  security_actions_provider_calls_total: {
    type: 'counter',
    of: 'worker',
    labels: ['provider', 'action', 'call', 'outcome'],
    help: 'Calls (execute, probe, cancel) by what they brought: completed, failed, accepted, notDone, unavailable, mayHaveActed; of a probe or cancel known, unavailable or unanswered.',
  },
  security_actions_provider_call_duration_seconds: {
    type: 'histogram',
    of: 'worker',
    labels: ['provider', 'call'],
    help: 'How long such a call took, time-outs included.',
    buckets: CALL_SECONDS,
  },
  security_actions_provider_calls_in_flight: {
    type: 'gauge',
    of: 'worker',
    labels: ['provider'],
    help: 'Calls of this worker under way.',
  },
  security_actions_provider_slots: {
    type: 'gauge',
    of: 'worker',
    labels: ['provider'],
    help: "This worker's part of the provider's concurrencyMax.",
  },
  security_actions_circuit_open: {
    type: 'gauge',
    of: 'worker',
    labels: ['provider'],
    help: '1 while this worker leaves the provider alone because call after call failed.',
  },
  security_actions_events_published_total: {
    type: 'counter',
    of: 'worker',
    labels: ['type'],
    help: 'Events that Kafka has acknowledged, by type.',
  },
  security_actions_dead_letters_total: {
    type: 'counter',
    of: 'worker',
    labels: ['topic', 'code'],
    help: 'Messages put into the dead letters, by the topic they came from and the error code. Topic dead-letters: what is there and cannot be listed.',
  },
  security_actions_dead_letters_unlisted_total: {
    type: 'counter',
    of: 'worker',
    labels: [],
    help: 'Open dead letters that are no longer listed because there were more than DEAD_LETTERS_MAX; their topic has them.',
  },
  security_actions_removed_total: {
    type: 'counter',
    of: 'worker',
    labels: [],
    help: 'Actions removed with their history because they are older than RETENTION_DAYS.',
  },
  security_actions_unfinished: {
    type: 'gauge',
    of: 'worker',
    labels: ['state'],
    help: 'Actions not ended: waiting (NotStarted), leased (a worker holds it), retry (between calls), report (its provider is to report).',
  },
  security_actions_oldest_age_seconds: {
    type: 'gauge',
    of: 'worker',
    labels: ['status'],
    help: 'Time since the oldest NotStarted, or the oldest Running, action was accepted; 0 if there is none.',
  },
  security_actions_standing_holds: {
    type: 'gauge',
    of: 'worker',
    labels: [],
    help: 'Holds that stand.',
  },
  security_actions_outbox_events: {
    type: 'gauge',
    of: 'worker',
    labels: [],
    help: 'Events that Kafka does not have yet, or a few less.',
  },
  security_actions_outbox_oldest_age_seconds: {
    type: 'gauge',
    of: 'worker',
    labels: [],
    help: 'Age of the oldest of them; 0 if there is none.',
  },
  security_actions_overdue_reverts: {
    type: 'gauge',
    of: 'worker',
    labels: [],
    help: 'Timed reverts that no worker has looked at for a minute after their time, or for which the provider file has no revert any more.',
  },
  security_actions_commands_lag: {
    type: 'gauge',
    of: 'worker',
    labels: ['partition'],
    help: 'Commands accepted and not stored yet, by partition.',
  },
  security_actions_requests_lag: {
    type: 'gauge',
    of: 'worker',
    labels: ['partition'],
    help: 'Requests on Kafka that are neither commands nor dead letters yet, by partition.',
  },
} as const satisfies Record<string, MetricDeclaration>;

export type MetricName = keyof typeof METRICS;
