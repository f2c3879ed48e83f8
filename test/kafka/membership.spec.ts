import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BatchStrategy } from '#kafka/batch-strategy';
import { ProjectionProgress } from '#kafka/projection-progress';
import type { Publisher } from '#kafka/publisher';
import { consumerGroupId } from '#kafka/topics';
import { KafkaUnderTest, PATIENTLY, texts } from './kafka-under-test.ts';
import {
  GROUP_NOT_ALLOWED,
  LOADING,
  NOT_COORDINATOR,
  SIGN_IN_REFUSED,
  UNKNOWN_MEMBER,
  failsOnce,
  losingTheAnswer,
  refusing,
} from './kafkajs-inside.ts';

/** kafkajs tries once, and would then go on with what it has: old partitions, no member id, or offsets of a generation that is over. */
describe('a consumer that is told to join anew and cannot', () => {
  let under: KafkaUnderTest;
  let publisher: Publisher;
  let progress: ProjectionProgress;
  let strategy: BatchStrategy;
  let seen: string[];

  const publish = (value: string) => publisher.publish({ topic: 'commands', key: 'key', value });
  const committed = async () => [...(await progress.committedOffsets()).values()];

  beforeEach(async () => {
    under = await new KafkaUnderTest().topics();
    publisher = await under.publisher();
    progress = new ProjectionProgress(under.settings, under.kafka);
    under.onEnd(() => progress.onApplicationShutdown());
    seen = [];
    ({ strategy } = under.consume('commands', async (batch) => {
      seen.push(...texts(batch));
    }));
  });
  afterEach(() => vi.restoreAllMocks());

  it.each([
    ['Kafka is still starting', NOT_COORDINATOR, 'joinGroup', refusing(LOADING)],
    ['Kafka does not know it any more', UNKNOWN_MEMBER, 'joinGroup', refusing(LOADING)],
    ['it may not for a while', NOT_COORDINATOR, 'joinGroup', refusing(GROUP_NOT_ALLOWED)],
    ['its sign-in is refused', NOT_COORDINATOR, 'joinGroup', refusing(SIGN_IN_REFUSED)],
    ['it does not hear that it has', NOT_COORDINATOR, 'syncGroup', losingTheAnswer()],
  ] as const)('because %s tries again until it can', async (_why, told, request, failing) => {
    await publish('before');
    await expect.poll(committed, PATIENTLY).toEqual([1n]);
    const group = consumerGroupId(under.settings.KAFKA_TOPIC_PREFIX, 'commands');
    const tries = failsOnce(group, request, failing);
    failsOnce(group, 'heartbeat', refusing(told));
    await expect.poll(tries, PATIENTLY).toBeGreaterThan(1);
    await publish('after');
    await expect.poll(() => strategy.joined, PATIENTLY).toBe(true);
    await expect.poll(committed, PATIENTLY).toEqual([2n]);
    expect(seen).toContain('after');
  });
});
