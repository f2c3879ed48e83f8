import type { Kafka, ProducerBatch, RecordMetadata } from 'kafkajs';

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
      return topicMessages.map(({ topic }) => ({ topicName: topic, partition: 0, errorCode: 0 }));
    },
  };
  return { producer: () => producer } as unknown as Kafka;
}
