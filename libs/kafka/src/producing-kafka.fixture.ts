import type { Kafka, ProducerBatch, RecordMetadata } from 'kafkajs';
import { murmur2 } from './partitioner.ts';

const PARTITIONS = 4;

/** What the test does with the texts of one request: it may hang or fail. */
export type Send = (texts: string[], topic: string) => Promise<void>;

/** A Kafka whose producers do what the test says. Of topics that are `lacking` they know no partition to send to. */
export function producingKafka(send: Send, lacking: string[] = []): Kafka {
  const producer = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    async sendBatch({ topicMessages = [] }: ProducerBatch): Promise<RecordMetadata[]> {
      const [{ topic, messages }] = topicMessages as [(typeof topicMessages)[0]];
      if (messages.length === 0) return [];
      if (lacking.some((name) => topic.endsWith(name))) {
        throw protocolError('UNKNOWN_TOPIC_OR_PARTITION', true);
      }
      for (const message of messages) {
        message.partition = partitionOf(String(message.key ?? ''));
      }
      await send(
        messages.map(({ value }) => String(value)),
        topic,
      );
      const used = new Set(messages.map(({ partition = 0 }) => partition));
      return [...used].map((partition) => ({
        topicName: topic,
        partition,
        errorCode: 0,
        baseOffset: '100',
      }));
    },
  };
  return { producer: () => producer } as unknown as Kafka;
}

/** The partition to which it sends a key. */
export function partitionOf(key: string): number {
  return (murmur2(Buffer.from(key)) >>> 1) % PARTITIONS;
}

/** What a broker answers to a request that it does not take. */
export function protocolError(type: string, retriable: boolean): Error {
  return Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type, retriable });
}

export function connectionError(): Error {
  return Object.assign(new Error('gone'), { name: 'KafkaJSConnectionError', retriable: true });
}
