import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { BatchConsumer } from '#kafka/batch-consumer';
import { createKafka } from '#kafka/client';
import { OffsetReader } from '#kafka/offset-reader';
import { Publisher } from '#kafka/publisher';
import { KafkaUnderTest, PATIENTLY, texts } from './kafka-under-test.ts';
import { refusesSignIn } from './kafkajs-inside.ts';

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Takes connections, and says nothing: a broker that is stopped, or whose disk is. Or ends them, as the proxy of one that is down. */
class LostBroker {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(isHanging: boolean) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket.on('error', () => {}));
      if (!isHanging) socket.end();
    });
  }

  static async start(isHanging: boolean): Promise<LostBroker> {
    const broker = new LostBroker(isHanging);
    await new Promise<void>((resolve) => broker.#server.listen(0, '127.0.0.1', resolve));
    return broker;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How often somebody connected. */
  get connections(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe('with a broker that hangs and one that ends its connections at the head of KAFKA_BROKERS', async () => {
  const lost = [await LostBroker.start(true), await LostBroker.start(false)];
  const good = new KafkaUnderTest();
  const { kafkaBrokers, topicPrefix } = good.place;
  const under = new KafkaUnderTest({
    KAFKA_BROKERS: [...lost.map(({ address }) => address), kafkaBrokers].join(','),
    KAFKA_TOPIC_PREFIX: topicPrefix,
    ACCEPT_TIMEOUT_MS: '1500',
  });
  const kafka = createKafka(under.settings, silent);

  beforeAll(async () => {
    await good.topics();
  });
  afterAll(async () => {
    for (const broker of lost) await broker.stop();
  });

  it('a publisher connects to the next, and sends', PATIENTLY, async () => {
    const publisher = new Publisher(under.settings, kafka);
    under.onEnd(() => publisher.flushAndDisconnect(0));
    await publisher.connect();
    expect(publisher.healthy).toBe(true);
    expect(lost.map(({ connections }) => connections > 0)).toEqual([true, true]);
    const send = () => publisher.publish({ topic: 'commands', key: 'a', value: 'sent' });
    await vi.waitFor(send, PATIENTLY);
  });

  it('a publisher connects to the next that takes its sign-in', PATIENTLY, async () => {
    const twice = { KAFKA_BROKERS: [kafkaBrokers, kafkaBrokers] };
    const publisher = new Publisher(Object.assign({}, good.settings, twice), good.kafka);
    under.onEnd(() => publisher.flushAndDisconnect(0));
    refusesSignIn();
    onTestFinished(() => void vi.restoreAllMocks());
    await publisher.connect();
    expect(publisher.healthy).toBe(true);
  });

  it('a consumer reads', PATIENTLY, async () => {
    const publisher = await good.publisher();
    const seen: string[] = [];
    under.consume('commands', async (batch) => void seen.push(...texts(batch)));
    await publisher.publish({ topic: 'commands', key: 'a', value: 'to be read' });
    await expect.poll(() => seen, PATIENTLY).toContain('to be read');
  });

  it('what reads offsets does so', PATIENTLY, async () => {
    const reader = new OffsetReader(kafka, `${topicPrefix}.commands`, 'none');
    under.onEnd(() => reader.close());
    await expect(reader.ends()).resolves.toHaveProperty('size', 4);
  });
});

it('a consumer begins when a client can be made, if none could at first', PATIENTLY, async () => {
  const under = await new KafkaUnderTest().topics();
  const { KAFKA_TOPIC_PREFIX: prefix } = under.settings;
  let tries = 0;
  const consumer = new BatchConsumer({
    createKafka: (onSocket) => {
      if (++tries === 1) throw new Error('no such file');
      return createKafka(under.settings, silent, { onSocket });
    },
    groupId: `${prefix}.begins`,
    topic: `${prefix}.commands`,
    partitionsConcurrently: 1,
    eachBatch: () => Promise.resolve(),
    onFatal: () => undefined,
    logger: { log: () => {}, warn: () => {}, error: () => {} },
  });
  under.onEnd(async () => void (await consumer.stop(0)));
  consumer.start();
  await expect.poll(() => consumer.joined, PATIENTLY).toBe(true);
  expect(tries).toBe(2);
});
