import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BatchStrategy } from '#kafka/batch-strategy';
import { ProjectionProgress } from '#kafka/projection-progress';
import type { Publisher } from '#kafka/publisher';
import { KafkaUnderTest, PATIENTLY, texts } from './kafka-under-test.ts';

type Request = (options: object) => Promise<unknown>;

const load = createRequire(import.meta.url);
const { prototype: broker } = load('kafkajs/src/broker') as {
  prototype: { heartbeat: Request; joinGroup: Request };
};
const { createErrorFromCode } = load('kafkajs/src/protocol/error') as {
  createErrorFromCode: (code: number) => Error;
};
const COORDINATOR_LOAD_IN_PROGRESS = 14;
const NOT_COORDINATOR = 16;

/** What a Kafka that has just started says to the members of a group: kafkajs tries once to join anew, and then goes on as it was. */
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

  it('goes on in its membership: it is ready, and commits what it does', async () => {
    await publish('before');
    await expect.poll(committed, PATIENTLY).toEqual([1n]);
    const joins = vi
      .spyOn(broker, 'joinGroup')
      .mockRejectedValueOnce(createErrorFromCode(COORDINATOR_LOAD_IN_PROGRESS));
    const notCoordinator = createErrorFromCode(NOT_COORDINATOR);
    const heartbeats = vi.spyOn(broker, 'heartbeat').mockRejectedValueOnce(notCoordinator);
    await expect.poll(() => joins.mock.calls.length, PATIENTLY).toBe(1);
    await publish('after');
    await expect.poll(() => seen, PATIENTLY).toEqual(['before', 'after']);
    await expect.poll(() => strategy.joined, PATIENTLY).toBe(true);
    await expect.poll(committed, PATIENTLY).toEqual([2n]);
    expect(joins).toHaveBeenCalledOnce();
    expect(heartbeats.mock.calls.length).toBeGreaterThan(1);
  });
});
