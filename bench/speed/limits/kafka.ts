import type { Message, Producer } from 'kafkajs';
import { createPartitioner } from '#kafka/partitioner';
import { commandKey } from '#domain/command';
import type { Services } from '../../../dev/stack.ts';
import { inParallel } from '../../../test/support/in-parallel.ts';
import type { Latency } from '../../latency.ts';
import type { Roots } from '../meter.ts';
import { kafkaOf, withTopic } from '../scratch.ts';
import { type Limit, metered, only, type Servers } from './limit.ts';
import { rawKafkajs } from './raw-kafkajs.ts';
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

/** Messages of a request at which producing counts for the floor. */
export const FLOOR_BATCH = 50;

export interface KafkaCosts {
  /** By messages of one request. */
  produce: Map<number, Limit>;
  /** FLOOR_BATCH a request, by kafkajs as it is. */
  rawProduce: Limit;
  consume: Limit;
}

/**
 * kafkajs with the guards and the partitioner of the product, acks=all, against the broker of the run, at saturation.
 * @param count requests with one message; with more, ten times as many messages are sent
 */
export async function kafkaCosts(
  services: Services,
  servers: Servers,
  count: number,
): Promise<KafkaCosts> {
  const broker = only(['kafka'], servers);
  const ours = await withProducer(services, producerOf(services), async (producer, topic) => {
    const produce = new Map<number, Limit>();
    let produced = 0;
    for (const { batch, inFlight } of SHAPES) {
      const load = { count: batch === 1 ? count : count * 10, batch, inFlight };
      produce.set(batch, await produceCost(producer, topic, broker, load));
      produced += 2 * Math.ceil(load.count / batch) * batch;
    }
    return { produce, consume: await consumeAll(services, broker, topic, produced) };
  });
  const rawProduce = await withProducer(services, rawProducerOf(services), (producer, topic) =>
    produceCost(producer, topic, broker, { count: count * 10, batch: FLOOR_BATCH, inFlight: 8 }),
  );
  return { ...ours, rawProduce };
}

/** Of one message, sent and awaited alone. */
export function sendLatency(services: Services, steadily: Steadily): Promise<Latency> {
  return withProducer(services, producerOf(services), (producer, topic) => {
    const messages = makeMessages();
    return steadily((number) =>
      producer.send({ topic, acks: -1, messages: [messages[number % MESSAGES]!] }),
    );
  });
}

function producerOf(services: Services): Producer {
  return kafkaOf(services).producer({ createPartitioner });
}

function rawProducerOf({ kafkaBrokers: brokers }: Services): Producer {
  const { Kafka, logLevel, Partitioners } = rawKafkajs();
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  return kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
}

function withProducer<T>(
  services: Services,
  producer: Producer,
  work: (producer: Producer, topic: string) => Promise<T>,
): Promise<T> {
  return withTopic(services, async (topic) => {
    await producer.connect();
    try {
      return await work(producer, topic);
    } finally {
      await producer.disconnect();
    }
  });
}

interface Load {
  count: number;
  batch: number;
  inFlight: number;
}

async function produceCost(
  producer: Producer,
  topic: string,
  broker: Roots | undefined,
  load: Load,
): Promise<Limit> {
  const messages = makeMessages();
  const run = () => sendAll(producer, topic, messages, load);
  await run(); // Warms up, the JVM most of all: not counted.
  return metered(broker, load.count, true, run);
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
  { count, batch, inFlight }: Load,
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
