import { OffsetReader } from '#kafka/offset-reader';
import { consumerGroupId, topicName } from '#kafka/topics';
import type { Services } from '../../dev/stack.ts';
import { kafkaOf } from '../speed/scratch.ts';
import { until } from '../until.ts';

/** A worker that keeps up commits its offsets within a long poll or two. */
const REST_SECONDS_MAX = 20;

/** How many commands are accepted and not stored: what the workers' group has still to read. */
export class CommandLag {
  readonly #reader: OffsetReader;

  constructor(services: Services, topicPrefix: string) {
    const topic = topicName(topicPrefix, 'commands');
    const group = consumerGroupId(topicPrefix, 'commands');
    this.#reader = new OffsetReader(kafkaOf(services), topic, group);
  }

  async read(): Promise<number> {
    // Committed first: what comes in between is lag too much, never too little.
    const committed = await this.#reader.committed();
    const ends = await this.#reader.ends();
    const lags = [...ends].map(([partition, { low, high }]) =>
      Number(high - (committed.get(partition) ?? low)),
    );
    return lags.reduce((sum, lag) => sum + lag, 0);
  }

  /** What is left when nothing comes any more: 0, or what is never stored. */
  async atRest(): Promise<number> {
    let lag = Infinity;
    const rested = until('no commands are left', REST_SECONDS_MAX, async () => {
      lag = await this.read();
      return lag === 0;
    });
    await rested.catch((error: unknown) => {
      if (lag === Infinity) throw error;
    });
    return lag;
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}
