import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createKafka } from '#kafka/client';
import { OffsetReader } from '#kafka/offset-reader';
import { Publisher } from '#kafka/publisher';
import { KafkaUnderTest, PATIENTLY, texts } from './kafka-under-test.ts';

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
    ACCEPT_TIMEOUT_MS: '500',
  });
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
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
