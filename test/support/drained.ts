import { pino } from 'pino';
import { expect, vi } from 'vitest';
import { loadSettings } from '#config/settings';
import { createKafka } from '#kafka/client';
import { OffsetReader } from '#kafka/offset-reader';
import { consumerGroupId, type LogicalTopic, topicName } from '#kafka/topics';
import type { System } from './system.ts';

/** Waits until the workers are done with everything that is in a topic now. */
export async function drained(
  { kafkaBrokers, topicPrefix }: Pick<System, 'kafkaBrokers' | 'topicPrefix'>,
  topic: LogicalTopic,
): Promise<void> {
  const kafka = createKafka(
    loadSettings({ KAFKA_BROKERS: kafkaBrokers }),
    pino({ level: 'silent' }),
  );
  const name = topicName(topicPrefix, topic);
  const reader = new OffsetReader(kafka, name, consumerGroupId(topicPrefix, topic));
  try {
    const ends = await reader.ends();
    await vi.waitFor(
      async () => {
        const committed = await reader.committed();
        for (const [partition, { low, high }] of ends) {
          if (low !== high) expect(committed.get(partition)).toBeGreaterThanOrEqual(high);
        }
      },
      { timeout: 40_000, interval: 100 },
    );
  } finally {
    await reader.close();
  }
}
