import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadSettings } from '#config/settings';
import { createKafka } from './client.ts';
import { OrderedPublisher } from './ordered-publisher.ts';
import { Publisher } from './publisher.ts';

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const int16 = (value: number) => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const text = (value: string) => Buffer.concat([int16(value.length), Buffer.from(value)]);
const list = (values: Buffer[]) => Buffer.concat([int32(values.length), ...values]);

const PRODUCE = 0;
const METADATA = 3;
const API_VERSIONS = 18;

/** A broker listed as node 1, which leads all partitions, and once more as node 4. @returns its address */
async function twiceListed(topic: string): Promise<string> {
  let port = 0;
  const answerTo = (key: number): Buffer => {
    if (key === API_VERSIONS) {
      const versions = [
        [PRODUCE, 3, 7],
        [METADATA, 0, 6],
        [API_VERSIONS, 0, 0],
      ].map((api) => Buffer.concat(api.map(int16)));
      return Buffer.concat([int16(0), list(versions)]);
    }
    if (key === METADATA) {
      const nodes = [1, 4].map((id) =>
        Buffer.concat([int32(id), text('127.0.0.1'), int32(port), int16(-1)]),
      );
      const partitions = [0, 1].map((id) => {
        const replicas = list([int32(1)]);
        return Buffer.concat([int16(0), int32(id), int32(1), replicas, replicas, list([])]);
      });
      const topics = [Buffer.concat([int16(0), text(topic), Buffer.of(0), list(partitions)])];
      return Buffer.concat([int32(0), list(nodes), text('cluster'), int32(4), list(topics)]);
    }
    // Of a request without a topic there is nothing to say.
    return Buffer.concat([list([]), int32(0)]);
  };
  const server = createServer((socket) => serve(socket, answerTo)).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
  return `127.0.0.1:${port}`;
}

function serve(socket: Socket, answerTo: (key: number) => Buffer): void {
  let received = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (data) => {
    received = Buffer.concat([received, data]);
    while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
      const answer = answerTo(received.readInt16BE(4));
      const correlationId = received.readInt32BE(8);
      received = received.subarray(4 + received.readInt32BE(0));
      socket.write(Buffer.concat([int32(4 + answer.length), int32(correlationId), answer]));
    }
  });
}

/*
 * kafkajs takes two nodes at one address for one, sends nothing of what the first leads, and calls that written. Kafka lists two
 * for as long as the session of a broker lasts that was lost, if another took its place.
 */
describe('a broker that is listed twice', () => {
  it('is not said to have what was never sent to it', async () => {
    const settings = loadSettings({
      KAFKA_BROKERS: await twiceListed('twice.commands'),
      KAFKA_TOPIC_PREFIX: 'twice',
      ACCEPT_TIMEOUT_MS: '500',
    });
    const publisher = new Publisher(settings, createKafka(settings, silent));
    onTestFinished(() => publisher.flushAndDisconnect(0));
    await publisher.connect();
    const accepted = publisher.publish({ topic: 'commands', key: 'a', value: 'accepted' });
    await expect(accepted).rejects.toMatchObject({ fate: 'notWritten' });
    const ordered = new OrderedPublisher(settings, createKafka(settings, silent));
    onTestFinished(() => ordered.onApplicationShutdown());
    await ordered.onModuleInit();
    const written = ordered.publish('commands', [{ key: 'a', value: 'a', headers: {} }]);
    await expect(written).rejects.toThrow('has not sent');
  });
});
