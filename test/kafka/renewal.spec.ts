import { beforeEach, describe, expect, it, vi } from 'vitest';
import { produce } from '../support/produce.ts';
import { deleteTopic, makeTopicAnew } from '../support/topics.ts';
import { KafkaUnderTest, PATIENTLY, texts } from './kafka-under-test.ts';

const OLD = 50;

describe('a topic that is deleted and made anew while it is read', () => {
  let under: KafkaUnderTest;
  let seen: string[];

  const send = (name: string, count: number) =>
    produce(
      under.place,
      'reports',
      Array.from({ length: count }, (_, n) => ({ value: `${name}-${n}`, partition: 0 })),
    );
  const seenOf = (name: string) => new Set(seen.filter((text) => text.startsWith(name)));

  beforeEach(async () => {
    under = await new KafkaUnderTest().topics();
    seen = [];
    under.consume('reports', async (batch) => {
      seen.push(...texts(batch));
    });
    await send('old', OLD);
    await vi.waitFor(() => {
      if (seen.length < OLD) throw new Error(`${seen.length} of ${OLD} read`);
    }, PATIENTLY);
  });

  it.each([
    ['less', OLD - 20],
    ['as much', OLD],
    ['more', OLD + 50],
  ])('is read from its beginning when it holds %s than before', async (_, count) => {
    await makeTopicAnew(under.place, 'reports');
    await send('new', count);
    await expect.poll(() => seenOf('new').size, PATIENTLY).toBe(count);
    await send('last', 1);
    await expect.poll(() => seenOf('last').size, PATIENTLY).toBe(1);
  });

  it('is found again, however long it was away', async () => {
    await deleteTopic(under.place, 'reports');
    const awaySince = Date.now();
    await expect.poll(() => Date.now() - awaySince, PATIENTLY).toBeGreaterThan(8000);
    await makeTopicAnew(under.place, 'reports');
    await send('new', OLD);
    await expect.poll(() => seenOf('new').size, PATIENTLY).toBe(OLD);
  });
});
