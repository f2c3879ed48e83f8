import type { Consumer } from 'kafkajs';
import type { Services } from '../../dev/stack.ts';
import type { EndWatch } from './contender.ts';
import { kafkaOf } from './scratch.ts';

const END_TYPES = ['securityActions.completed', 'securityActions.failed'];

/**
 * Reads the events topic, as a client does that wants to know of ends without asking: an end counts once its event has
 * arrived here, so after its commit, its relay and its way through Kafka. Load and watch have one clock.
 */
export class EventsWatch implements EndWatch {
  readonly ends = new Map<string, number>();
  readonly #consumer: Consumer;

  private constructor(consumer: Consumer) {
    this.#consumer = consumer;
  }

  /** Resolves once partitions are assigned. */
  static async start(services: Services, topic: string): Promise<EventsWatch> {
    const groupId = `${topic}.bench`;
    const consumer = kafkaOf(services).consumer({ groupId, maxWaitTimeInMs: 500 });
    const watch = new EventsWatch(consumer);
    await consumer.connect();
    // What happened before was before all that is added; from the end on, the first ones could be missed.
    await consumer.subscribe({ topic, fromBeginning: true });
    const { promise: joined, resolve } = Promise.withResolvers<void>();
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
    await consumer.run({
      // It comes to its end with this process. A commit for each batch, and there is one for nearly each event at a steady
      // load, would cost Kafka more than the events, on the cores that are measured.
      autoCommit: false,
      partitionsConsumedConcurrently: 4,
      eachBatch: ({ batch }) => {
        const atMs = performance.now();
        for (const { key, headers } of batch.messages) {
          const id = String(key);
          const isEnd = END_TYPES.includes(String(headers?.['ce_type']));
          // Events may come again.
          if (isEnd && !watch.ends.has(id)) watch.ends.set(id, atMs);
        }
        return Promise.resolve();
      },
    });
    await joined;
    return watch;
  }

  add(): void {
    // Every end arrives, asked for or not.
  }

  stop(): Promise<void> {
    return this.#consumer.disconnect();
  }
}
