import kafkajs from 'kafkajs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type LogicalTopic, topicName } from '#kafka/topics';
import { KafkaUnderTest, PATIENTLY, texts } from './kafka-under-test.ts';

const SNAPPY = kafkajs.CompressionTypes.Snappy;
const XERIAL_HEADER = Buffer.from([
  0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1,
]);

/** Valid snappy in the frame of the Java client, without compressing anything: one literal (below 64 KiB). */
function snappy(data: Buffer): Buffer {
  const length = data.length;
  const preamble = length < 128 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  const literal = [61 << 2, (length - 1) & 0xff, (length - 1) >> 8];
  const block = Buffer.concat([Buffer.from([...preamble, ...literal]), data]);
  const size = Buffer.alloc(4);
  size.writeInt32BE(block.length);
  return Buffer.concat([XERIAL_HEADER, size, block]);
}

/** As a producer with another codec would: ours does not know it, before and after. */
async function produceSnappy(under: KafkaUnderTest, topic: LogicalTopic): Promise<void> {
  const unknown = kafkajs.CompressionCodecs[SNAPPY];
  kafkajs.CompressionCodecs[SNAPPY] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(snappy(buffer)),
  });
  const producer = under.kafka.producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  try {
    await producer.connect();
    await producer.send({
      topic: topicName(under.settings.KAFKA_TOPIC_PREFIX, topic),
      compression: SNAPPY,
      messages: [{ key: 'k', value: 'compressed elsewhere' }],
    });
  } finally {
    kafkajs.CompressionCodecs[SNAPPY] = unknown;
    await producer.disconnect();
  }
}

describe('a batch with a codec that kafkajs lacks', () => {
  let under: KafkaUnderTest;

  beforeAll(async () => {
    under = await new KafkaUnderTest().topics();
  });

  it('arrives unpacked on a public topic', async () => {
    const seen: string[] = [];
    const { fatal } = under.consume('requests', async (batch) => {
      seen.push(...texts(batch));
    });
    await produceSnappy(under, 'requests');
    await expect.poll(() => seen, PATIENTLY).toEqual(['compressed elsewhere']);
    expect(fatal).toEqual([]);
  });

  it('ends a consumer for good on an internal topic, which is said once and shown by liveness', async () => {
    const other = await new KafkaUnderTest().topics();
    await produceSnappy(other, 'commands');
    const { strategy, fatal } = other.consume('commands', () => Promise.resolve());
    await expect.poll(() => fatal.length, PATIENTLY).toBe(1);
    expect(fatal[0]?.message).toContain('Snappy');
    expect(strategy).toMatchObject({ alive: false, joined: false });
  });
});
