import type { Kafka, ProducerBatch, RecordMetadata } from 'kafkajs';
import { noteAnswer } from '#kafka/kafkajs/produce-answers';

/** A Kafka whose producers hand what they send to `take`, and acknowledge it when that returns. @param take gets the number of messages */
export function kafkaThatTakes(take: (messages: number) => Promise<void>): Kafka {
  const producer = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    sendBatch: async ({ topicMessages = [] }: ProducerBatch): Promise<RecordMetadata[]> => {
      const messages = topicMessages.flatMap((of) => of.messages);
      // A line that opens asks whether there is anybody.
      if (messages.length > 0) await take(messages.length);
      for (const message of messages) message.partition = 0;
      const written = { partition: 0, errorCode: 0 };
      for (const { topic, messages: sent } of topicMessages) {
        const topicData = [{ topic, partitions: [{ partition: 0, messages: sent }] }];
        noteAnswer(topicData, { topics: [{ topicName: topic, partitions: [written] }] });
      }
      return topicMessages.map(({ topic }) => ({ topicName: topic, ...written }));
    },
  };
  return { producer: () => producer } as unknown as Kafka;
}
