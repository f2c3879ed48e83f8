import type { Producer } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RequestsProgress } from '#kafka/requests-progress';
import { consumerGroupId } from '#kafka/topics';
import { produce } from '../support/produce.ts';
import { beginTransaction, transactionalProducer } from '../support/transactions.ts';
import { KafkaUnderTest, PATIENTLY, texts } from './kafka-under-test.ts';
import { NO_BROKER, failsOnce, refusing } from './kafkajs-inside.ts';

describe('what transactional producers write', () => {
  let under: KafkaUnderTest;

  beforeEach(async () => {
    under = await new KafkaUnderTest({ KAFKA_PARTITIONS: '1' }).topics();
  });

  afterEach(() => vi.restoreAllMocks());

  const producer = async () => {
    const connected = await transactionalProducer(under.place);
    under.onEnd(() => connected.disconnect());
    return connected;
  };
  const begun = async (by: Producer, ...values: string[]) => {
    const transaction = await beginTransaction(by);
    const write = (...more: string[]) =>
      transaction.send({
        topic: `${under.place.topicPrefix}.requests`,
        messages: more.map((value) => ({ value })),
      });
    await write(...values);
    return Object.assign(transaction, { write });
  };
  const write = (value: string) => produce(under.place, 'requests', [{ value }]);
  /** What a worker is handed from now on, and where it says that it is. */
  const consume = () => {
    const seen: string[] = [];
    under.consume('requests', async (batch) => {
      seen.push(...texts(batch));
    });
    const progress = new RequestsProgress(under.settings, under.kafka);
    under.onEnd(() => progress.onApplicationShutdown());
    return { seen, progress };
  };
  const doneWith = async (progress: RequestsProgress, end: number) => {
    await expect
      .poll(async () => (await progress.committedOffsets()).get(0), PATIENTLY)
      .toBe(BigInt(end));
    expect([...(await progress.messagesBehind()).values()]).toEqual([0]);
    expect(await progress.waitUntilPassed(performance.now() + 5000)).toBe('reached');
  };

  it('is done with when it was aborted, although nothing of it was handed over', async () => {
    const { seen, progress } = consume();
    const transaction = await begun(await producer(), 'never', 'never');
    await transaction.abort();
    // The mark of the abort is a record, too.
    await doneWith(progress, 3);
    expect(seen).toEqual([]);
  });

  it('is done with also when it is all that came since kafkajs has started anew', async () => {
    const { progress } = consume();
    await write('before');
    await doneWith(progress, 1);
    const group = consumerGroupId(under.place.topicPrefix, 'requests');
    const joins = failsOnce(group, 'joinGroup');
    failsOnce(group, 'heartbeat', refusing(NO_BROKER));
    await expect.poll(joins, PATIENTLY).toBeGreaterThan(0);
    const transaction = await begun(await producer(), 'never');
    await transaction.abort();
    await doneWith(progress, 3);
  });

  it('is read on behind more aborted records than one fetch takes', async () => {
    const large = Array.from({ length: 50 }, () => 'never'.padEnd(10_000, '.'));
    const transaction = await begun(await producer(), ...large);
    for (let sent = 50; sent < 300; sent += 50) await transaction.write(...large);
    await transaction.abort();
    await write('good');
    const { seen, progress } = consume();
    await doneWith(progress, 302);
    expect(seen).toEqual(['good']);
  });

  it('is handed over once it is committed, and hides what others write behind it until then', async () => {
    const { seen, progress } = consume();
    await write('before');
    const transaction = await begun(await producer(), 'first');
    await write('behind');
    await transaction.write('last');
    await doneWith(progress, 1);
    expect(seen).toEqual(['before']);
    await transaction.commit();
    await doneWith(progress, 5);
    expect(seen).toEqual(['before', 'first', 'behind', 'last']);
  });

  it('is never handed over when it was aborted, whoever else had one under way', async () => {
    const outer = await begun(await producer(), 'never-1');
    const inner = await begun(await producer(), 'never-2');
    const kept = await begun(await producer(), 'kept-1');
    await outer.write('never-3');
    await inner.write('never-4');
    await inner.abort();
    await write('kept-2');
    await outer.write('never-5');
    await outer.abort();
    await kept.commit();
    const { seen, progress } = consume();
    await doneWith(progress, 10);
    expect(seen).toEqual(['kept-1', 'kept-2']);
  });
});
