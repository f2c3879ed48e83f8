import type { Kafka } from 'kafkajs';
import { expect, it } from 'vitest';
import { isOutage } from './kafka-errors.ts';
import { OffsetReader } from './offset-reader.ts';

it('takes it for an outage when kafkajs stumbles over an answer that broke off', async () => {
  const admin = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    fetchTopicMetadata: () =>
      Promise.reject(new TypeError("Cannot read properties of null (reading 'topicMetadata')")),
  };
  const kafka = { admin: () => admin } as unknown as Kafka;
  const failure: unknown = await new OffsetReader(kafka, 'commands', 'worker')
    .ends()
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Error);
  expect(isOutage(failure)).toBe(true);
});
