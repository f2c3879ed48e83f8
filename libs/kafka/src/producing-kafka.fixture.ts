import type { Kafka, ProducerBatch, ProducerConfig, RecordMetadata } from 'kafkajs';
import { partitionOf as partitionAmong } from './partitioner.ts';
import { noteAnswer, noteRequest } from './kafkajs/produce-answers.ts';

const PARTITIONS = 4;
const METADATA = Array.from({ length: PARTITIONS }, (_, partitionId) => ({
  partitionId,
  partitionErrorCode: 0,
  leader: 0,
  replicas: [0],
  isr: [0],
}));

/** What the test does with the texts of one request: it may hang or fail. */
export type Send = (texts: string[], topic: string, keys: string[]) => Promise<void>;

/**
 * A Kafka whose producers do what the test says. What it rejects with a code is what brokers answered to a request, for all of
 * its partitions or for `refusedOnly`; of the others those in `writtenOnly` have taken theirs, and the rest have said nothing.
 * A producer asks at each send for all topics that it has sent to, as kafkajs does at some: one of them that is `lacking` is
 * enough to fail it.
 */
export function producingKafka(
  send: Send,
  lacking: string[] = [],
  /** What becomes of each producer's first use, and of the next if that fails. */
  connect: () => Promise<void> = () => Promise.resolve(),
): Kafka {
  const producer = ({ createPartitioner }: ProducerConfig) =>
    producerOf(send, lacking, connect, createPartitioner!());
  return { producer } as unknown as Kafka;
}

function producerOf(
  send: Send,
  lacking: string[],
  connect: () => Promise<void>,
  partitionFor: ReturnType<NonNullable<ProducerConfig['createPartitioner']>>,
) {
  const known = new Set<string>();
  return {
    connect,
    disconnect: () => Promise.resolve(),
    async sendBatch({ topicMessages = [] }: ProducerBatch): Promise<RecordMetadata[]> {
      const [{ topic, messages }] = topicMessages as [(typeof topicMessages)[0]];
      if (messages.length === 0) return [];
      if ([...known, topic].some((asked) => lacking.some((name) => asked.endsWith(name)))) {
        throw protocolError('UNKNOWN_TOPIC_OR_PARTITION', true);
      }
      known.add(topic);
      for (const message of messages) {
        message.partition = partitionFor({ topic, message, partitionMetadata: METADATA });
      }
      const used = new Set(messages.map(({ partition = 0 }) => partition));
      const partitions = [...used].map((partition) => ({
        partition,
        messages: messages.filter((message) => message.partition === partition),
      }));
      const topicData = [{ topic, partitions }];
      const note = (answers: Answer[]) =>
        noteAnswer(topicData, { topics: [{ topicName: topic, partitions: answers }] });
      noteRequest(topicData);
      try {
        await send(
          messages.map(({ value }) => String(value)),
          topic,
          messages.map(({ key }) => String(key ?? '')),
        );
      } catch (error) {
        noteRefusal(error as Partial<Refusal>, [...used], note);
        throw error;
      }
      const answers = [...used].map(written);
      note(answers);
      return answers.map((answer) => ({ topicName: topic, ...answer }));
    },
  };
}

interface Refusal {
  /** Kafka's number of the error. */
  code: number;
  /** The partitions that answered so. */
  refusedOnly: number[];
  /** Those of the others that have answered that they have it. */
  writtenOnly: number[];
  /** So much later than the refusal. */
  writtenAfterMs: number;
}

type Answer = Parameters<typeof noteAnswer>[1]['topics'][0]['partitions'][0];

function noteRefusal(
  { code, refusedOnly, writtenOnly = [], writtenAfterMs }: Partial<Refusal>,
  used: number[],
  note: (answers: Answer[]) => void,
): void {
  if (code !== undefined) {
    note((refusedOnly ?? used).map((partition) => ({ partition, errorCode: code })));
  }
  if (writtenAfterMs === undefined) note(writtenOnly.map(written));
  else setTimeout(() => note(writtenOnly.map(written)), writtenAfterMs);
}

function written(partition: number) {
  return { partition, errorCode: 0, baseOffset: '100' };
}

/** The partition to which it sends a key. */
export function partitionOf(key: string): number {
  return partitionAmong(Buffer.from(key), PARTITIONS);
}

/** What a broker answers to a request that it does not take; without a code what kafkajs hears when it does anything else. */
export function protocolError(
  type: string,
  retriable: boolean,
  refusal: Partial<Refusal> = {},
): Error {
  const name = 'KafkaJSProtocolError';
  return Object.assign(new Error(type), { name, type, retriable, ...refusal });
}

export function connectionError(): Error {
  return Object.assign(new Error('gone'), { name: 'KafkaJSConnectionError', retriable: true });
}
