import { createRequire } from 'node:module';

/*
 * kafkajs 2.2.4 tries once to join a group anew. If that fails, as while Kafka starts, it fetches on with what it has by then:
 * the partitions and the offsets of the old generation, the generation of the new one, another coordinator, or no member id.
 * Nothing of it need ever end: Kafka answers its heartbeats, or it sends none any more, and refuses its commits. So a group that
 * could not be joined is not fetched for: the next fetch says that the group is rebalancing, and the runner joins again, with
 * its pauses, as often as it retries anything and only until it is stopped.
 */

interface ConsumerGroup {
  joinAndSync: (this: ConsumerGroup) => Promise<void>;
  fetch: (this: ConsumerGroup, nodeId: number) => Promise<unknown>;
}

const REBALANCE_IN_PROGRESS = 27;

const installedIn = new WeakSet<ConsumerGroup>();

/**
 * Has kafkajs join again where it could not; calling it again does nothing.
 * @throws Error when this kafkajs has no such methods any more: then this must be looked at again.
 */
export function installFailedJoins(): void {
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/consumer/consumerGroup') as { prototype: ConsumerGroup };
  const { createErrorFromCode } = load('kafkajs/src/protocol/error') as {
    createErrorFromCode: (code: number) => Error;
  };
  if (installedIn.has(prototype)) return;
  const { joinAndSync, fetch } = prototype;
  if (typeof joinAndSync !== 'function' || typeof fetch !== 'function') {
    throw new Error(
      'kafkajs has another ConsumerGroup than the pinned 2.2.4: review failed-joins.ts',
    );
  }
  installedIn.add(prototype);
  const notJoined = new WeakSet<ConsumerGroup>();
  prototype.joinAndSync = async function () {
    try {
      await joinAndSync.call(this);
      notJoined.delete(this);
    } catch (error) {
      notJoined.add(this);
      throw error;
    }
  };
  prototype.fetch = async function (nodeId) {
    if (notJoined.has(this)) throw createErrorFromCode(REBALANCE_IN_PROGRESS);
    return fetch.call(this, nodeId);
  };
}
