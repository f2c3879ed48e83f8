import type { Batch } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import type { OffsetReader } from './offset-reader.ts';
import { RenewalWatch } from './renewal-watch.ts';

/** What Kafka says of partition 0. */
interface Group {
  /** What the group has committed, if anything. */
  committed?: bigint;
  low?: bigint;
}

function watchOn(group: Group): RenewalWatch {
  const offsets = {
    committed: () =>
      Promise.resolve(new Map(group.committed === undefined ? [] : [[0, group.committed]])),
    ends: () => Promise.resolve(new Map([[0, { low: group.low ?? 0n, high: 100n }]])),
  };
  return new RenewalWatch(offsets as unknown as OffsetReader);
}

const batchFrom = (fetchedOffset: string) => ({ partition: 0, fetchedOffset }) as unknown as Batch;

describe('a batch', () => {
  it.each<[string, Group, from: string, boolean]>([
    ['goes on where the group is', { committed: 40n }, '40', false],
    ['is the first there is', {}, '0', false],
    ['is the first that is kept', { low: 7n }, '7', false],
    ['was the first when it was fetched', { low: 7n }, '3', false],
    ['goes on where nobody has been', {}, '40', true],
    ['goes on where nobody has been, behind what is kept', { low: 7n }, '40', true],
  ])('that %s', async (_, group, from, isOutOfPlace) => {
    expect(await watchOn(group).isOutOfPlace(batchFrom(from))).toBe(isOutOfPlace);
  });
});

describe('a topic', () => {
  it('is another one once what was committed is gone', async () => {
    const group: Group = { committed: 40n };
    const watch = watchOn(group);
    watch.committed(0, 40n);
    expect(await watch.isRenewed()).toBe(false);
    delete group.committed;
    expect(await watch.isRenewed()).toBe(true);
    watch.forget();
    expect(await watch.isRenewed()).toBe(false);
  });

  it('is the same where nothing has been committed yet', async () => {
    expect(await watchOn({}).isRenewed()).toBe(false);
  });
});
