import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { OrderedPublisher } from '#kafka/ordered-publisher';
import { BrokerUnavailable } from '#kafka/publish-errors';
import { readTopic } from '../support/read-topic.ts';
import { KafkaUnderTest, PATIENTLY } from './kafka-under-test.ts';

const message = (key: string, value: string) => ({ key, value, headers: {} });

describe('OrderedPublisher', () => {
  const under = new KafkaUnderTest({
    PUBLISH_BATCH_MESSAGES_MAX: '7',
    ACCEPT_TIMEOUT_MS: '20000',
  });
  const publisher = new OrderedPublisher(under.settings, under.kafka);

  beforeAll(async () => {
    await under.topics();
    await publisher.onModuleInit();
    // On every partition, as a new one may still be without its leader.
    const first = Array.from({ length: 40 }, (_, n) => message(`first-${n}`, ''));
    await vi.waitFor(() => publisher.publish('commands', first), PATIENTLY);
  });
  afterAll(() => publisher.onApplicationShutdown());

  const written = async (key: string, last: string) => {
    const all = await readTopic(under.place, 'commands', (some) =>
      some.some((one) => one.key === key && one.value === last),
    );
    return all.filter((one) => one.key === key).map(({ value }) => value);
  };

  it('writes a run in its order, however many requests it takes', async () => {
    const values = Array.from({ length: 100 }, (_, n) => String(n));
    const run = values.flatMap((value) => [message('a', value), message('b', value)]);
    expect(await publisher.publish('commands', run)).toEqual(new Set());
    expect(await written('a', '99')).toEqual(values);
    expect(await written('b', '99')).toEqual(values);
  });

  it('names what is too large for the topic, and writes what stands around it in order', async () => {
    const large = message('c', 'x'.repeat(2 * 1024 * 1024));
    const values = ['0', '1', '2', '3', '4', '5'].map((value) => message('c', value));
    // In one request with its neighbours: this publisher takes the topic's limit for a higher one.
    const run = [...values.slice(0, 3), large, ...values.slice(3)];
    const roomy = new OrderedPublisher(
      Object.assign({}, under.settings, { PUBLISH_BATCH_BYTES_MAX: 4 * 1024 * 1024 }),
      under.kafka,
    );
    await roomy.onModuleInit();
    try {
      expect(await roomy.publish('commands', run)).toEqual(new Set([large]));
    } finally {
      await roomy.onApplicationShutdown();
    }
    expect(await written('c', '5')).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  it('says at once that Kafka is away, and lets nothing wait', async () => {
    const away = new KafkaUnderTest({ KAFKA_BROKERS: '127.0.0.1:1' });
    const lost = new OrderedPublisher(away.settings, away.kafka);
    await lost.onModuleInit();
    const began = performance.now();
    await expect(lost.publish('commands', [message('d', '0')])).rejects.toBeInstanceOf(
      BrokerUnavailable,
    );
    expect(performance.now() - began).toBeLessThan(1000);
    await lost.onApplicationShutdown();
  });
});
