import kafkajs, { type Admin, type Kafka } from 'kafkajs';
import type { Settings } from '#config/settings';
import { type DispatchTopic, type TopicSpecification, topicSpecifications } from './topics.ts';

const LEADERS_TIMEOUT_MS = 30_000;
const LEADERS_POLL_MS = 50;

/** What `ensureTopics` found and did. A warning is one line for the operator; nothing was changed. */
export interface TopicsReport {
  created: string[];
  existing: string[];
  warnings: string[];
}

/**
 * Creates the topics that are missing and leaves the others as they are: to change partitions or settings of
 * a topic that holds messages is the operator's decision. Safe to run again and from several processes at once.
 * Give it a client with patience (`createKafka(…, { requestTimeoutMs: 30_000 })`).
 * @throws when Kafka cannot be reached, refuses, or a new topic has no leader within 30 s.
 */
export async function ensureTopics(
  kafka: Kafka,
  settings: Settings,
  dispatch: readonly DispatchTopic[] = [],
): Promise<TopicsReport> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const wanted = topicSpecifications(settings, dispatch);
    const known = new Set(await admin.listTopics());
    const existing = wanted.filter((topic) => known.has(topic.name));
    const missing = wanted.filter((topic) => !known.has(topic.name));
    const warnings = await differences(admin, existing);
    await create(admin, missing);
    return { created: names(missing), existing: names(existing), warnings };
  } finally {
    await admin.disconnect();
  }
}

async function create(admin: Admin, topics: TopicSpecification[]): Promise<void> {
  if (topics.length === 0) return;
  await admin.createTopics({
    // kafkajs would fail on the moment between "created" and "known to this broker": we wait ourselves.
    waitForLeaders: false,
    timeout: LEADERS_TIMEOUT_MS,
    topics: topics.map((topic) => ({
      topic: topic.name,
      numPartitions: topic.partitions,
      replicationFactor: topic.replicationFactor,
      configEntries: Object.entries(topic.config).map(([name, value]) => ({ name, value })),
    })),
  });
  await leadersOf(admin, names(topics));
}

/**
 * Waits until these topics, which have just been created, have leaders and the broker has heard of them.
 * @throws Error when that takes longer than half a minute
 */
export async function leadersOf(admin: Admin, topics: string[]): Promise<void> {
  const deadline = performance.now() + LEADERS_TIMEOUT_MS;
  while (!(await haveLeaders(admin, topics))) {
    if (performance.now() > deadline) {
      throw new Error(`No leader within ${LEADERS_TIMEOUT_MS} ms: ${topics.join(', ')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LEADERS_POLL_MS));
  }
}

async function haveLeaders(admin: Admin, topics: string[]): Promise<boolean> {
  try {
    const metadata = await admin.fetchTopicMetadata({ topics });
    return metadata.topics.every(
      ({ partitions }) =>
        partitions.length > 0 && partitions.every((partition) => partition.leader >= 0),
    );
  } catch (error) {
    const type = error instanceof Error && 'type' in error ? error.type : undefined;
    if (type === 'UNKNOWN_TOPIC_OR_PARTITION' || type === 'LEADER_NOT_AVAILABLE') return false;
    throw error;
  }
}

/** A line for each setting of an existing topic that is not what this installation asks for. */
async function differences(admin: Admin, topics: TopicSpecification[]): Promise<string[]> {
  if (topics.length === 0) return [];
  const metadata = await admin.fetchTopicMetadata({ topics: names(topics) });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map(({ name, config }) => ({
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name,
      configNames: Object.keys(config),
    })),
  });
  return topics.flatMap((topic) => {
    const partitions = metadata.topics.find(({ name }) => name === topic.name)?.partitions.length;
    const entries = resources.find(
      ({ resourceName }) => resourceName === topic.name,
    )?.configEntries;
    const actual = new Map(entries?.map((entry) => [entry.configName, entry.configValue]));
    return [
      ...(partitions === topic.partitions
        ? []
        : [`${topic.name}: has ${partitions} partitions, configured are ${topic.partitions}`]),
      ...Object.entries(topic.config)
        .filter(([name, value]) => actual.get(name) !== value)
        .map(
          ([name, value]) => `${topic.name}: ${name} is ${actual.get(name)}, wanted is ${value}`,
        ),
    ];
  });
}

function names(topics: TopicSpecification[]): string[] {
  return topics.map(({ name }) => name);
}
