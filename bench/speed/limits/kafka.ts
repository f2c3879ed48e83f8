import type { Message, Producer } from 'kafkajs';
import { createPartitioner } from '#kafka/partitioner';
import { commandKey } from '#domain/command';
import type { Services } from '../../../dev/stack.ts';
import { inParallel } from '../../../test/support/in-parallel.ts';
import type { Latency } from '../../latency.ts';
import type { Roots } from '../meter.ts';
import { kafkaOf, withTopic } from '../scratch.ts';
import { type Limit, metered, only, type Servers } from './limit.ts';
import { sampleCommand } from './sample-command.ts';
import type { Steadily } from './steadily.ts';

/** Made beforehand and sent again and again: to make one is no part of what producing costs. */
const MESSAGES = 1000;
/** Messages of one request, and requests under way at once: enough for the broker never to wait. */
const SHAPES = [
  { batch: 1, inFlight: 64 },
  { batch: 50, inFlight: 8 },
  { batch: 500, inFlight: 4 },
];

export interface KafkaCosts {
  /** By messages of one request. */
  produce: Map<number, Limit>;
  consume: Limit;
}

/**
 * kafkajs with the guards and the partitioner of the product, acks=all, against the broker of the run, at saturation.
 * @param count requests with one message; with more, ten times as many messages are sent
 */
export function kafkaCosts(
  services: Services,
  servers: Servers,
  count: number,
): Promise<KafkaCosts> {
  const broker = only(['kafka'], servers);
  return withProducer(services, async (producer, topic) => {
    const messages = makeMessages();
    const produce = new Map<number, Limit>();
    let produced = 0;
    for (const { batch, inFlight } of SHAPES) {
      const size = { count: batch === 1 ? count : count * 10, batch, inFlight };
      const run = () => sendAll(producer, topic, messages, size);
      await run(); // Warms up, the JVM most of all: not counted.
      produce.set(batch, await metered(broker, size.count, true, run));
      produced += 2 * Math.ceil(size.count / batch) * batch;
    }
    return { produce, consume: await consumeAll(services, broker, topic, produced) };
  });
}

/** Of one message, sent and awaited alone. */
export function sendLatency(services: Services, steadily: Steadily): Promise<Latency> {
  return withProducer(services, (producer, topic) => {
    const messages = makeMessages();
    return steadily((number) =>
      producer.send({ topic, acks: -1, messages: [messages[number % MESSAGES]!] }),
    );
  });
}

function withProducer<T>(
  services: Services,
  work: (producer: Producer, topic: string) => Promise<T>,
): Promise<T> {
  return withTopic(services, async (topic) => {
    const producer = kafkaOf(services).producer({ createPartitioner });
    await producer.connect();
    try {
      return await work(producer, topic);
    } finally {
      await producer.disconnect();
    }
  });
}

function makeMessages(): Message[] {
  return Array.from({ length: MESSAGES }, (_, number) => {
    const command = sampleCommand(number);
    return { key: commandKey(command), value: JSON.stringify(command) };
  });
}

async function sendAll(
  producer: Producer,
  topic: string,
  all: readonly Message[],
  { count, batch, inFlight }: { count: number; batch: number; inFlight: number },
): Promise<void> {
  const requests = Array.from(
    { length: Math.ceil(count / batch) },
    (_, request) => request * batch,
  );
  await inParallel(requests, inFlight, (first) => {
    // A batch divides MESSAGES, so none of them wraps around.
    const messages = all.slice(first % MESSAGES, (first % MESSAGES) + batch);
    return producer.sendBatch({ acks: -1, topicMessages: [{ topic, messages }] });
  });
}

async function consumeAll(
  services: Services,
  broker: Roots | undefined,
  topic: string,
  count: number,
): Promise<Limit> {
  const consumer = kafkaOf(services).consumer({ groupId: topic, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  let consumed = 0;
  try {
    await consumer.run({
      eachBatch: ({ batch }) => {
        consumed += batch.messages.length;
        if (consumed >= count) resolve();
        return Promise.resolve();
      },
    });
    // To join a group takes seconds, and is no part of what consuming costs.
    await joined;
    return await metered(broker, count, true, () => all);
  } finally {
    await consumer.disconnect();
  }
}
