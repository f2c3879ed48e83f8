import { MESSAGE_BYTES_MAX } from '#config/message-size';
import type { Settings } from '#config/settings';
import { TOPIC_RETENTION_DAYS } from '#config/topic-retention';

/*
 * The topics in one place: their names, and how each must be set up. Plain data, so that the tools that make
 * or describe topics can load it without a client.
 */

/** The topics of every installation. */
export const LOGICAL_TOPICS = [
  'commands',
  'requests',
  'reports',
  'events',
  'dead-letters',
] as const;

/** A topic by its role; handlers are bound to it and publishers name it. The prefix is added on the wire. */
export type LogicalTopic = (typeof LOGICAL_TOPICS)[number];

/** What one Kafka provider must do; there is one for each such provider in the catalogue. */
export type DispatchTopic = `dispatch.${string}`;

/** Anything that can be published to. */
export type Topic = LogicalTopic | DispatchTopic;

/** How a topic must look at the broker. `config` holds Kafka's own names and texts. */
export interface TopicSpecification {
  name: string;
  partitions: number;
  replicationFactor: number;
  config: Readonly<Record<string, string>>;
}

type TopicSettings = Pick<
  Settings,
  | 'KAFKA_TOPIC_PREFIX'
  | 'KAFKA_PARTITIONS'
  | 'KAFKA_REQUESTS_PARTITIONS'
  | 'KAFKA_REPLICATION_FACTOR'
  | 'KAFKA_MIN_INSYNC_REPLICAS'
>;

/** How long topics keep what is in them. */
export const RETENTION_MS = TOPIC_RETENTION_DAYS * 24 * 60 * 60 * 1000;
const PUBLIC_MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/** Room for the cause and the origin that a dead letter carries beside the original bytes. */
const DEAD_LETTER_EXTRA_BYTES = 64 * 1024;

/** Anyone writes to these two, with any client. */
const PUBLIC_CONFIG = {
  // The broker unpacks what a foreign producer compressed: one snappy or lz4 batch stops our client for good.
  'compression.type': 'uncompressed',
  // A token must have been valid when its message was appended, which only the broker's clock can say.
  'message.timestamp.type': 'LogAppendTime',
  'max.message.bytes': String(PUBLIC_MESSAGE_BYTES_MAX),
};

/** Only the service writes to these: everything it writes fits. */
const OWN_CONFIG = {
  // Said although it is Kafka's default: a broker may have another, and then creates would be refused for their size.
  'max.message.bytes': String(MESSAGE_BYTES_MAX),
};

const CONFIG_BY_TOPIC: Record<LogicalTopic, Record<string, string>> = {
  commands: OWN_CONFIG,
  requests: PUBLIC_CONFIG,
  reports: PUBLIC_CONFIG,
  events: OWN_CONFIG,
  'dead-letters': {
    'max.message.bytes': String(PUBLIC_MESSAGE_BYTES_MAX + DEAD_LETTER_EXTRA_BYTES),
  },
};

/** The name on the wire. */
export function topicName(prefix: string, topic: Topic): string {
  return `${prefix}.${topic}`;
}

/** The reverse; undefined for a topic that is none of this installation. */
export function logicalTopic(prefix: string, name: string): LogicalTopic | undefined {
  return LOGICAL_TOPICS.find((topic) => topicName(prefix, topic) === name);
}

/** The consumer group of all workers on `topic`. Its offsets on `commands` say what is projected. */
export function consumerGroupId(prefix: string, topic: LogicalTopic): string {
  return topic === 'commands' ? `${prefix}.worker` : `${prefix}.worker.${topic}`;
}

/** Every topic that must exist, with `dispatch` for the Kafka providers of the catalogue. */
export function topicSpecifications(
  settings: TopicSettings,
  dispatch: readonly DispatchTopic[] = [],
): TopicSpecification[] {
  const specify = (topic: Topic, config: Record<string, string>): TopicSpecification => ({
    name: topicName(settings.KAFKA_TOPIC_PREFIX, topic),
    partitions:
      topic === 'requests' ? settings.KAFKA_REQUESTS_PARTITIONS : settings.KAFKA_PARTITIONS,
    replicationFactor: settings.KAFKA_REPLICATION_FACTOR,
    config: {
      // Said although it is Kafka's default: compaction would drop what is not yet stored.
      'cleanup.policy': 'delete',
      'retention.ms': String(RETENTION_MS),
      'min.insync.replicas': String(settings.KAFKA_MIN_INSYNC_REPLICAS),
      ...config,
    },
  });
  return [
    ...LOGICAL_TOPICS.map((topic) => specify(topic, CONFIG_BY_TOPIC[topic])),
    ...dispatch.map((topic) => specify(topic, OWN_CONFIG)),
  ];
}
