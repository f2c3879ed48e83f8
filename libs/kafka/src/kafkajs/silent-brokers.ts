import { createRequire } from 'node:module';
import { rootCause } from '../kafka-errors.ts';

/*
 * kafkajs 2.2.4 goes on asking a broker that has fallen silent, as one does that stands still or has lost its network: for its
 * partitions until its metadata is five minutes old, and for its group until it has failed to sixty times. By then others have led
 * them for minutes. So a broker that did not answer a consumer is forgotten, as kafkajs does with one that ended its connection,
 * and the metadata with it; and if it was the coordinator, the group is joined at whichever is now.
 */

interface Broker {
  connectionPool: { host: string; port: number };
  disconnect: () => Promise<void>;
}

interface ConsumerGroup {
  cluster: {
    brokerPool: { brokers: Record<string, Broker> };
    removeBroker: (address: { host: string; port: number }) => void;
  };
  coordinator: Broker | null;
  heartbeat: (this: ConsumerGroup, options: { interval: number }) => Promise<void>;
  fetch: (this: ConsumerGroup, nodeId: number) => Promise<unknown>;
}

const REBALANCE_IN_PROGRESS = 27;
const LOST = new Set([
  'KafkaJSRequestTimeoutError',
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
]);

const installedIn = new WeakSet<ConsumerGroup>();

/**
 * Has kafkajs turn to other brokers; calling it again does nothing.
 * @throws Error when this kafkajs has no such methods any more: then this must be looked at again.
 */
export function installSilentBrokers(): void {
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/consumer/consumerGroup') as { prototype: ConsumerGroup };
  const { createErrorFromCode } = load('kafkajs/src/protocol/error') as {
    createErrorFromCode: (code: number) => Error;
  };
  if (installedIn.has(prototype)) return;
  const { heartbeat, fetch } = prototype;
  if (typeof heartbeat !== 'function' || typeof fetch !== 'function') {
    throw new Error(
      'kafkajs has another ConsumerGroup than the pinned 2.2.4: review silent-brokers.ts',
    );
  }
  installedIn.add(prototype);
  prototype.fetch = async function (nodeId) {
    try {
      return await fetch.call(this, nodeId);
    } catch (error) {
      // Perhaps of another than the one to be fetched from: of one that was asked who leads what.
      forget(this, brokerOf(this, error), error);
      throw error;
    }
  };
  prototype.heartbeat = async function (options) {
    const { coordinator } = this;
    try {
      await heartbeat.call(this, options);
    } catch (error) {
      // The runner joins anew, and looks for the coordinator first.
      throw forget(this, coordinator, error) ? createErrorFromCode(REBALANCE_IN_PROGRESS) : error;
    }
  };
}

function brokerOf({ cluster }: ConsumerGroup, error: unknown): Broker | undefined {
  const { broker } = rootCause(error) as { broker?: unknown };
  return Object.values(cluster.brokerPool.brokers).find(
    ({ connectionPool: { host, port } }) => broker === `${host}:${port}`,
  );
}

/** The last one is kept: there would be nobody left to ask for others. @returns whether it is forgotten */
function forget(
  { cluster }: ConsumerGroup,
  broker: Broker | null | undefined,
  error: unknown,
): boolean {
  const others = Object.values(cluster.brokerPool.brokers).filter((one) => one !== broker);
  if (!broker || others.length === 0 || !LOST.has(rootCause(error).name)) return false;
  const isKnown = others.length < Object.keys(cluster.brokerPool.brokers).length;
  // Or else another is at its address by now.
  if (isKnown) cluster.removeBroker(broker.connectionPool);
  // Not waited for: it would wait for answers.
  broker.disconnect().catch(() => undefined);
  return true;
}
