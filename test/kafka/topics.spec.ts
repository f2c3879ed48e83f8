import kafkajs from 'kafkajs';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureTopics, type TopicsReport } from '#kafka/ensure-topics';
import { LOGICAL_TOPICS, topicName } from '#kafka/topics';
import { KafkaUnderTest } from './kafka-under-test.ts';

const under = new KafkaUnderTest();
const { kafka, settings } = under;
const names = LOGICAL_TOPICS.map((topic) => topicName(settings.KAFKA_TOPIC_PREFIX, topic));

async function configOf(topic: (typeof LOGICAL_TOPICS)[number]): Promise<Map<string, string>> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: topicName(settings.KAFKA_TOPIC_PREFIX, topic),
        },
      ],
    });
    const entries = resources[0]?.configEntries ?? [];
    return new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
  } finally {
    await admin.disconnect();
  }
}

describe('ensureTopics', () => {
  let first: TopicsReport;

  beforeAll(async () => {
    first = await ensureTopics(kafka, settings);
  });

  it('creates what is missing', () => {
    expect(first).toEqual({ created: names, existing: [], warnings: [] });
  });

  it('changes nothing the second time', async () => {
    expect(await ensureTopics(kafka, settings)).toEqual({
      created: [],
      existing: names,
      warnings: [],
    });
  });

  it('may run in several processes at once', async () => {
    const other = new KafkaUnderTest();
    const reports = await Promise.all(
      [1, 2, 3].map(() => ensureTopics(other.kafka, other.settings)),
    );
    expect(reports.flatMap(({ warnings }) => warnings)).toEqual([]);
  });

  it.each(['requests', 'reports'] as const)(
    'makes the broker unpack and date what strangers write to %s',
    async (topic) => {
      const config = await configOf(topic);
      expect(config.get('compression.type')).toBe('uncompressed');
      expect(config.get('message.timestamp.type')).toBe('LogAppendTime');
      expect(config.get('max.message.bytes')).toBe('4194304');
    },
  );

  it.each(['commands', 'events'] as const)(
    'lets %s have what the largest body can become, whatever the broker has by default',
    async (topic) => {
      expect((await configOf(topic)).get('max.message.bytes')).toBe('1048588');
    },
  );

  it('gives a dead letter room for its cause beside the largest origin', async () => {
    expect((await configOf('dead-letters')).get('max.message.bytes')).toBe('4259840');
  });

  it('never compacts, and keeps 14 days', async () => {
    const configs = await Promise.all(LOGICAL_TOPICS.map(configOf));
    expect(new Set(configs.map((config) => config.get('cleanup.policy')))).toEqual(
      new Set(['delete']),
    );
    expect(new Set(configs.map((config) => config.get('retention.ms')))).toEqual(
      new Set(['1209600000']),
    );
  });

  it('warns of what differs and leaves it as it is', async () => {
    const wanted = Object.assign({}, settings, {
      KAFKA_PARTITIONS: 6,
      KAFKA_MIN_INSYNC_REPLICAS: 2,
    });
    const { warnings } = await ensureTopics(kafka, wanted);
    expect(warnings).toContain(`${names[0]}: has 4 partitions, configured are 6`);
    expect(warnings).toContain(`${names[0]}: min.insync.replicas is 1, wanted is 2`);
    expect((await ensureTopics(kafka, settings)).warnings).toEqual([]);
  });
});
