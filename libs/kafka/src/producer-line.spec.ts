import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
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
const int64 = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
};
const text = (value: string) => Buffer.concat([int16(value.length), Buffer.from(value)]);
const list = (values: Buffer[]) => Buffer.concat([int32(values.length), ...values]);

const PRODUCE = 0;
const METADATA = 3;
const API_VERSIONS = 18;

/** Of whatever it takes. */
const OFFSET = 7n;

/**
 * A broker listed as node 1, which leads all partitions, and once more as node 4 until that one is `gone`; and how many requests
 * it got from which all messages were left out.
 */
async function twiceListed(
  topic: string,
): Promise<{ address: string; gone: boolean; leftOut: number }> {
  const broker = { address: '', gone: false, leftOut: 0 };
  let port = 0;
  const answerTo = (request: Buffer): Buffer => {
    const key = request.readInt16BE(0);
    if (key === API_VERSIONS) {
      const versions = [
        [PRODUCE, 3, 7],
        [METADATA, 0, 6],
        [API_VERSIONS, 0, 0],
      ].map((api) => Buffer.concat(api.map(int16)));
      return Buffer.concat([int16(0), list(versions)]);
    }
    if (key === METADATA) {
      const nodes = (broker.gone ? [1] : [1, 4]).map((id) =>
        Buffer.concat([int32(id), text('127.0.0.1'), int32(port), int16(-1)]),
      );
      const partitions = [0, 1].map((id) => {
        const replicas = list([int32(1)]);
        return Buffer.concat([int16(0), int32(id), int32(1), replicas, replicas, list([])]);
      });
      const topics = [Buffer.concat([int16(0), text(topic), Buffer.of(0), list(partitions)])];
      return Buffer.concat([int32(0), list(nodes), text('cluster'), int32(1), list(topics)]);
    }
    const written = writtenBy(request);
    if (written.length === 0) broker.leftOut += 1;
    return Buffer.concat([list(written), int32(0)]);
  };
  const server = createServer((socket) => serve(socket, answerTo)).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
  return Object.assign(broker, { address: `127.0.0.1:${port}` });
}

/** What a broker says of a request for one partition at most: of one without a topic there is nothing to say. */
function writtenBy(request: Buffer): Buffer[] {
  // Behind the head, which ends with the name of the client: no transaction, acks and time-out.
  const topicsAt = 10 + request.readInt16BE(8) + 2 + 2 + 4;
  if (request.readInt32BE(topicsAt) === 0) return [];
  const topicEndsAt = topicsAt + 4 + 2 + request.readInt16BE(topicsAt + 4);
  const topic = request.subarray(topicsAt + 4, topicEndsAt);
  const partition = request.subarray(topicEndsAt + 4, topicEndsAt + 8);
  const taken = Buffer.concat([partition, int16(0), int64(OFFSET), int64(-1n), int64(0n)]);
  return [Buffer.concat([topic, list([taken])])];
}

function serve(socket: Socket, answerTo: (request: Buffer) => Buffer): void {
  let received = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (data) => {
    received = Buffer.concat([received, data]);
    while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
      const request = received.subarray(4, 4 + received.readInt32BE(0));
      received = received.subarray(4 + request.length);
      const answer = answerTo(request);
      const correlationId = request.readInt32BE(4);
      socket.write(Buffer.concat([int32(4 + answer.length), int32(correlationId), answer]));
    }
  });
}

/*
 * kafkajs takes two nodes at one address for one, sends nothing of what the first leads, and calls that written. Kafka lists two
 * for as long as the session of a broker lasts that was lost, if another took its place.
 */
describe('a broker that is listed twice', () => {
  const setUp = async ({ acceptTimeoutMs }: { acceptTimeoutMs: number }) => {
    const broker = await twiceListed('twice.commands');
    const settings = loadSettings({
      KAFKA_BROKERS: broker.address,
      KAFKA_TOPIC_PREFIX: 'twice',
      ACCEPT_TIMEOUT_MS: String(acceptTimeoutMs),
    });
    const publisher = new Publisher(settings, createKafka(settings, silent));
    onTestFinished(() => publisher.flushAndDisconnect(0));
    await publisher.connect();
    const ordered = new OrderedPublisher(settings, createKafka(settings, silent));
    onTestFinished(() => ordered.onApplicationShutdown());
    await ordered.onModuleInit();
    return {
      broker,
      publish: () => publisher.publish({ topic: 'commands', key: 'a', value: 'accepted' }),
      publishInOrder: () => ordered.publish('commands', [{ key: 'a', value: 'a', headers: {} }]),
    };
  };

  it('is not said to have what was never sent to it', async () => {
    const { publish, publishInOrder } = await setUp({ acceptTimeoutMs: 500 });
    await expect(publish()).rejects.toMatchObject({ fate: 'notWritten' });
    await expect(publishInOrder()).rejects.toThrow('has not sent');
  });

  it('is sent what was left out as soon as it is listed once', async () => {
    const { broker, publish, publishInOrder } = await setUp({ acceptTimeoutMs: 4000 });
    await expect(publishInOrder()).rejects.toThrow('has not sent');
    const { leftOut } = broker;
    const accepted = publish();
    await vi.waitFor(() => expect(broker.leftOut).toBeGreaterThan(leftOut));
    broker.gone = true;
    expect(await accepted).toMatchObject({ offset: String(OFFSET) });
    expect(await publishInOrder()).toEqual(new Set());
  });
});
