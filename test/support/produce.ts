import kafkajs, { type Message } from 'kafkajs';
import { pino } from 'pino';
import { loadSettings } from '#config/settings';
import { createKafka } from '#kafka/client';
import type { LogicalTopic } from '#kafka/topics';
import type { System } from './system.ts';

const SNAPPY = kafkajs.CompressionTypes.Snappy;
const XERIAL_HEADER = Buffer.from([
  0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1,
]);

type Place = Pick<System, 'kafkaBrokers' | 'topicPrefix'>;

/** Writes messages to a topic, past the product. */
export async function produce(
  { kafkaBrokers, topicPrefix }: Place,
  topic: LogicalTopic,
  messages: Message[],
  compression = kafkajs.CompressionTypes.None,
): Promise<void> {
  const settings = loadSettings({ KAFKA_BROKERS: kafkaBrokers });
  const createPartitioner = kafkajs.Partitioners.DefaultPartitioner;
  const producer = createKafka(settings, pino({ level: 'silent' })).producer({
    createPartitioner,
    // A topic made a moment ago may not have its leader yet.
    retry: { retries: 10 },
  });
  await producer.connect();
  try {
    await producer.send({ topic: `${topicPrefix}.${topic}`, messages, compression });
  } finally {
    await producer.disconnect();
  }
}

/** Writes one message with a codec that the product does not have, before and after. */
export async function produceSnappy(place: Place, topic: LogicalTopic): Promise<void> {
  const unknown = kafkajs.CompressionCodecs[SNAPPY];
  kafkajs.CompressionCodecs[SNAPPY] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(snappy(buffer)),
  });
  try {
    await produce(place, topic, [{ key: 'k', value: 'compressed elsewhere' }], SNAPPY);
  } finally {
    kafkajs.CompressionCodecs[SNAPPY] = unknown;
  }
}

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
