import { createRequire } from 'node:module';
import { rootCause } from '../kafka-errors.ts';

/*
 * kafkajs 2.2.4 goes on to the next of its bootstrap brokers only when one refuses the connection. One that takes it and then
 * says nothing, as when it is stopped or its disk is, or ends it, as a proxy does before a broker that is down, or refuses
 * a sign-in that others take, is asked again each time; and after the first silence it counts as connected. As every client begins with the first broker of the list, none
 * got to Kafka while that one hung, however many others were well. So what became of no handshake counts as no connection.
 */

interface Broker {
  connect: () => Promise<void>;
}

interface BrokerPool {
  seedBroker: Broker;
  createSeedBroker: (this: BrokerPool) => Promise<void>;
}

const NO_HANDSHAKE = new Set([
  'KafkaJSRequestTimeoutError',
  'KafkaJSConnectionClosedError',
  'KafkaJSSASLAuthenticationError',
]);

const installedIn = new WeakSet<BrokerPool>();

/**
 * Has kafkajs try the next bootstrap broker after one that does not answer; calling it again does nothing.
 * @throws Error when this kafkajs has no such methods any more: then this must be looked at again.
 */
export function installSeedRotation(): void {
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/cluster/brokerPool') as { prototype: BrokerPool };
  const { KafkaJSConnectionError } = load('kafkajs/src/errors') as {
    KafkaJSConnectionError: new (message: string, options: { broker: unknown }) => Error;
  };
  if (installedIn.has(prototype)) return;
  const { createSeedBroker } = prototype;
  if (typeof createSeedBroker !== 'function') {
    throw new Error(
      'kafkajs has another BrokerPool than the pinned 2.2.4: review seed-rotation.ts',
    );
  }
  installedIn.add(prototype);
  prototype.createSeedBroker = async function () {
    await createSeedBroker.call(this);
    const { seedBroker } = this;
    const connect = seedBroker.connect.bind(seedBroker);
    seedBroker.connect = () =>
      connect().catch((error: unknown) => {
        const { name, message, broker } = rootCause(error) as Error & { broker?: unknown };
        throw NO_HANDSHAKE.has(name) ? new KafkaJSConnectionError(message, { broker }) : error;
      });
  };
}
