import type { Kafka } from 'kafkajs';

/** A Kafka whose producers hand what they send to `take`, and acknowledge it when that returns. @param take gets the number of messages */
export function kafkaThatTakes(take: (messages: number) => Promise<void>): Kafka {
  const producer = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    sendBatch: async ({ topicMessages }: { topicMessages: { messages: unknown[] }[] }) => {
      const count = topicMessages.flatMap(({ messages }) => messages).length;
      // A line that opens asks whether there is anybody.
      if (count > 0) await take(count);
      return [];
    },
  };
  return { producer: () => producer } as unknown as Kafka;
}
