import { beforeAll, describe, expect, it } from 'vitest';
import { produceSnappy } from '../support/produce.ts';
import { KafkaUnderTest, PATIENTLY, texts } from './kafka-under-test.ts';

describe('a batch with a codec that kafkajs lacks', () => {
  let under: KafkaUnderTest;

  beforeAll(async () => {
    under = await new KafkaUnderTest().topics();
  });

  it('arrives unpacked on a public topic', async () => {
    const seen: string[] = [];
    const { fatal } = under.consume('requests', async (batch) => {
      seen.push(...texts(batch));
    });
    await produceSnappy(under.place, 'requests');
    await expect.poll(() => seen, PATIENTLY).toEqual(['compressed elsewhere']);
    expect(fatal).toEqual([]);
  });

  it('ends a consumer for good on an internal topic, which is said once and shown by liveness', async () => {
    const other = await new KafkaUnderTest().topics();
    await produceSnappy(other.place, 'commands');
    const { strategy, fatal } = other.consume('commands', () => Promise.resolve());
    await expect.poll(() => fatal.length, PATIENTLY).toBe(1);
    expect(fatal[0]?.message).toContain('Snappy');
    expect(strategy).toMatchObject({ alive: false, joined: false });
  });
});
