import { pino } from 'pino';
import { loadSettings } from '#config/settings';
import { createKafka } from '#kafka/client';
import { OffsetReader } from '#kafka/offset-reader';
import { type Topic, topicName } from '#kafka/topics';
import type { System } from './system.ts';

/** A message as a test compares it. */
export interface TopicMessage {
  key: string | null;
  value: string | null;
  headers: Record<string, string>;
}

/** Reads a topic from its start until `enough` of it has come. @throws when that takes longer than 20 s */
export async function readTopic(
  system: Pick<System, 'kafkaBrokers' | 'topicPrefix'>,
  topic: Topic,
  enough: (messages: TopicMessage[]) => boolean,
): Promise<TopicMessage[]> {
  const settings = loadSettings({ KAFKA_BROKERS: system.kafkaBrokers });
  const kafka = createKafka(settings, pino({ level: 'silent' }));
  const groupId = `${system.topicPrefix}.reader.${process.hrtime.bigint()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 });
  const messages: TopicMessage[] = [];
  try {
    await consumer.connect();
    await consumer.subscribe({ topic: `${system.topicPrefix}.${topic}`, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(
        () =>
          reject(new Error(`not enough in ${topic}: ${JSON.stringify(messages).slice(0, 2000)}`)),
        20_000,
      );
      consumer
        .run({
          eachMessage: async ({ message }) => {
            messages.push({
              key: message.key?.toString() ?? null,
              value: message.value?.toString() ?? null,
              headers: Object.fromEntries(
                Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
              ),
            });
            if (!enough(messages)) return;
            clearTimeout(late);
            resolve();
          },
        })
        .catch(reject);
    });
    return messages;
  } finally {
    await consumer.disconnect();
  }
}

/** Reads all that is in a topic now. @throws when that takes longer than 20 s */
export async function readWholeTopic(
  { kafkaBrokers, topicPrefix }: Pick<System, 'kafkaBrokers' | 'topicPrefix'>,
  topic: Topic,
): Promise<TopicMessage[]> {
  const settings = loadSettings({ KAFKA_BROKERS: kafkaBrokers });
  const kafka = createKafka(settings, pino({ level: 'silent' }));
  const reader = new OffsetReader(kafka, topicName(topicPrefix, topic), 'none');
  try {
    const ends = [...(await reader.ends()).values()];
    const count = ends.reduce((sum, { low, high }) => sum + Number(high - low), 0);
    return await readTopic({ kafkaBrokers, topicPrefix }, topic, ({ length }) => length >= count);
  } finally {
    await reader.close();
  }
}
