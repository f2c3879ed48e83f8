import type { Admin } from 'kafkajs';
import { pino } from 'pino';
import { vi } from 'vitest';
import { loadSettings } from '#config/settings';
import { createKafka } from '#kafka/client';
import { ensureTopics } from '#kafka/ensure-topics';
import { consumerGroupId, type LogicalTopic, topicName } from '#kafka/topics';
import type { System } from './system.ts';

type Place = Pick<System, 'kafkaBrokers' | 'topicPrefix'>;

function settingsOf({ kafkaBrokers, topicPrefix }: Place) {
  return loadSettings({
    KAFKA_BROKERS: kafkaBrokers,
    KAFKA_TOPIC_PREFIX: topicPrefix,
    KAFKA_PARTITIONS: '4',
  });
}

async function administer<T>(place: Place, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = createKafka(settingsOf(place), pino({ level: 'silent' })).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Deletes a topic with all that is in it. Fine if it is not there. */
export async function deleteTopic(place: Place, topic: LogicalTopic): Promise<void> {
  const name = topicName(place.topicPrefix, topic);
  await administer(place, async (admin) => {
    if ((await admin.listTopics()).includes(name)) await admin.deleteTopics({ topics: [name] });
    await vi.waitFor(async () => {
      if ((await admin.listTopics()).includes(name)) throw new Error(`${name} is still there`);
    });
  });
}

/** Deletes a topic and makes it again, as an operator would. */
export async function makeTopicAnew(place: Place, topic: LogicalTopic): Promise<void> {
  await deleteTopic(place, topic);
  const settings = settingsOf(place);
  const kafka = createKafka(settings, pino({ level: 'silent' }), { requestTimeoutMs: 30_000 });
  await ensureTopics(kafka, settings);
}

/** Sets the workers back to the first message of a topic, once none of them is a member any more. */
export async function rewind(place: Place, topic: LogicalTopic): Promise<void> {
  await administer(place, (admin) =>
    vi.waitFor(
      () =>
        admin.resetOffsets({
          groupId: consumerGroupId(place.topicPrefix, topic),
          topic: topicName(place.topicPrefix, topic),
          earliest: true,
        }),
      { timeout: 40_000, interval: 200 },
    ),
  );
}
