import { beforeAll, describe, expect, it, vi } from 'vitest';
import { deadLetter } from '#kafka/dead-letter';
import type { BatchMessage } from '#kafka/kafka-batch';
import { MessageRefused } from '#kafka/publish-errors';
import type { Publisher } from '#kafka/publisher';
import { topicName } from '#kafka/topics';
import { KafkaUnderTest, PATIENTLY, texts } from './kafka-under-test.ts';

const under = new KafkaUnderTest();
let publisher: Publisher;

beforeAll(async () => {
  await under.topics();
  publisher = await under.publisher();
});

const outcomeOf = (published: Promise<unknown>): Promise<unknown> =>
  published.catch((error: unknown) => error);

describe('Publisher on Kafka', () => {
  it('tells where each message landed', async () => {
    const seen = new Map<string, string>();
    under.consume('events', async ({ partition, messages }) => {
      for (const { offset, value } of messages) seen.set(String(value), `${partition}/${offset}`);
    });
    const sent = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const message = { topic: 'events', key: `k${i % 17}`, value: String(i) } as const;
        const { partition, offset } = await publisher.publish(message);
        return [String(i), `${partition}/${offset}`] as const;
      }),
    );
    await expect.poll(() => seen, PATIENTLY).toEqual(new Map(sent));
  });

  it('refuses a message that Kafka finds too large, and none of its neighbours', async () => {
    const value = (i: number) => (i === 7 ? Buffer.alloc(2 * 1024 * 1024) : Buffer.from(String(i)));
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        publisher.publish({ topic: 'commands', key: String(i), value: value(i) }),
      ),
    );
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failed.map(({ reason }) => reason as unknown)).toEqual([expect.any(MessageRefused)]);
    expect(publisher.healthy).toBe(true);
  });

  it('fails no neighbour when a topic does not exist', async () => {
    const [bad, ...good] = await Promise.allSettled([
      publisher.publish({ topic: 'dispatch.nobody', key: null, value: 'bad' }),
      ...Array.from({ length: 20 }, (_, i) =>
        publisher.publish({ topic: 'commands', key: String(i), value: 'good' }),
      ),
    ]);
    expect(bad).toMatchObject({ status: 'rejected', reason: expect.any(MessageRefused) });
    expect(good.map(({ status }) => status)).toEqual(good.map(() => 'fulfilled'));
    expect(publisher.healthy).toBe(true);
  });

  it('says that nothing was written to a topic that is gone, and goes on with all others', async () => {
    const own = await new KafkaUnderTest().topics();
    const to = (name: string) =>
      ({ topic: `dispatch.${name}`, key: null, value: 'a call' }) as const;
    const nameOf = (name: string) => topicName(own.settings.KAFKA_TOPIC_PREFIX, to(name).topic);
    const admin = own.kafka.admin();
    await admin.connect();
    own.onEnd(() => admin.disconnect());
    const topics = ['gone', 'kept'].map((name) => ({ topic: nameOf(name) }));
    // It fails if the broker has not heard yet of what the controller has made.
    await admin.createTopics({ topics, waitForLeaders: false });
    const of = await own.publisher();
    await vi.waitFor(() => of.publish(to('gone')), PATIENTLY);
    await admin.deleteTopics({ topics: [nameOf('gone')] });
    await expect
      .poll(() => outcomeOf(of.publish(to('gone'))), PATIENTLY)
      .toMatchObject({ name: 'MessageRefused', fate: 'notWritten' });
    await expect(of.publish(to('kept'))).resolves.toMatchObject({ partition: 0 });
    expect(await outcomeOf(of.publish(to('gone')))).toMatchObject({ name: 'MessageRefused' });
    expect(of.healthy).toBe(true);
  });

  it('compresses with zstd, and the consumer reads it', async () => {
    const seen: string[] = [];
    const values = Array.from({ length: 50 }, (_, i) => `${i}-${'zstd'.repeat(100)}`);
    const compressed = await new KafkaUnderTest({ KAFKA_COMPRESSION: 'zstd' }).topics();
    const compressing = await compressed.publisher();
    compressed.consume('commands', async (batch) => {
      seen.push(...texts(batch));
    });
    await Promise.all(
      values.map((value) => compressing.publish({ topic: 'commands', key: 'one', value })),
    );
    await expect.poll(() => seen, PATIENTLY).toEqual(values);
  });

  it('keeps a dead letter as it was: bytes, null and empty, repeated and null headers', async () => {
    const letters: BatchMessage[] = [];
    const own = await new KafkaUnderTest().topics();
    own.consume('dead-letters', async ({ messages }) => {
      letters.push(...messages);
    });
    const headers = Object.create(null) as BatchMessage['headers'];
    headers['trace'] = [Buffer.from('a'), null, Buffer.alloc(0)];
    headers['constructor'] = [Buffer.from('fine')];
    const origin = { topicName: 'somewhere.requests', partition: 1 };
    const original = {
      offset: '9',
      key: Buffer.alloc(0),
      value: null,
      headers,
      timestamp: 1,
      isTimestampOfBroker: true,
    };
    const cause = { code: 'x', message: 'why', attempts: 1, firstFailedAt: new Date(0) };
    await (await own.publisher()).publish(deadLetter(origin, original, cause));
    await expect.poll(() => letters.length, PATIENTLY).toBe(1);
    expect(letters[0]).toMatchObject({ key: Buffer.alloc(0), value: null });
    expect(letters[0]?.headers['trace']).toEqual([Buffer.from('a'), null, Buffer.alloc(0)]);
    expect(letters[0]?.headers['constructor']).toEqual([Buffer.from('fine')]);
    expect(letters[0]?.headers['x-origin-offset']).toEqual([Buffer.from('9')]);
  });
});
