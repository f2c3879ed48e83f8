import { Controller, Injectable, type LoggerService, Module } from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { beforeAll, describe, expect, it } from 'vitest';
import { BatchStrategy } from '#kafka/batch-strategy';
import type { KafkaBatch, KafkaBatchContext } from '#kafka/kafka-batch';
import { OriginalErrorFilter } from '#kafka/original-error.filter';
import type { Publisher } from '#kafka/publisher';
import type { LogicalTopic } from '#kafka/topics';
import { KafkaUnderTest, PATIENTLY, texts } from './kafka-under-test.ts';

@Injectable()
class Store {
  readonly texts: string[] = [];
  readonly attempts: number[] = [];
}

@Controller()
class Handlers {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  @EventPattern<LogicalTopic>('commands')
  async store(@Payload() batch: KafkaBatch, @Ctx() context: KafkaBatchContext): Promise<void> {
    this.#store.attempts.push(context.attempt);
    if (this.#store.attempts.length === 1) throw new TypeError('a mistake in the handler');
    this.#store.texts.push(...texts(batch));
    await Promise.resolve();
  }
}

@Module({
  controllers: [Handlers],
  providers: [Store, { provide: APP_FILTER, useClass: OriginalErrorFilter }],
})
// oxlint-disable-next-line typescript/no-extraneous-class -- Nest's form of a module
class WorkerModule {}

describe('a handler in a Nest microservice', () => {
  let under: KafkaUnderTest;
  let publisher: Publisher;

  beforeAll(async () => {
    under = await new KafkaUnderTest().topics();
    publisher = await under.publisher();
  });

  it('gets whole batches with its dependencies, and its own error is logged before the next attempt', async () => {
    const lines: string[] = [];
    const collect = (...said: unknown[]) => lines.push(said.join('\n'));
    const logger: LoggerService = { log: () => undefined, warn: collect, error: collect };
    const settings = under.settings;
    const log = { debug: collect, info: collect, warn: collect, error: collect };
    const strategy = new BatchStrategy({ settings, log, onFatal: collect });
    const app = await NestFactory.createMicroservice(WorkerModule, { strategy, logger });
    await app.listen();
    under.onEnd(() => app.close());
    const values = ['1', '2', '3'];
    await Promise.all(
      values.map((value) => publisher.publish({ topic: 'commands', key: 'k', value })),
    );
    const store = app.get(Store);
    await expect.poll(() => store.texts, PATIENTLY).toEqual(values);
    expect(store.attempts.slice(0, 2)).toEqual([1, 2]);
    expect(lines.join('\n')).toContain('TypeError: a mistake in the handler');
  });
});
