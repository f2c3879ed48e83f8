import { describe, expect, it } from 'vitest';
import type { OffsetReader } from './offset-reader.ts';
import { RenewalWatch } from './renewal-watch.ts';

/** What Kafka says of partition 0. */
interface Group {
  /** What the group has committed, if anything. */
  committed?: bigint;
  low?: bigint;
  high?: bigint;
}

function watchOn(group: Group): RenewalWatch {
  const offsets = {
    committed: () =>
      Promise.resolve(new Map(group.committed === undefined ? [] : [[0, group.committed]])),
    ends: () => Promise.resolve(new Map([[0, { low: group.low ?? 0n, high: group.high ?? 100n }]])),
  };
  return new RenewalWatch(offsets as unknown as OffsetReader, 0);
}

describe('a batch', () => {
  it.each<[string, Group, from: bigint, boolean]>([
    ['goes on where the group is', { committed: 40n }, 40n, false],
    ['is the first there is', {}, 0n, false],
    ['is the first that is kept', { low: 7n }, 7n, false],
    ['was the first when it was fetched', { low: 7n }, 3n, false],
    ['goes on where nobody has been', {}, 40n, true],
    ['is the first there is, and ends where all does', { high: 10n }, 0n, false],
    ['ends behind the end', { high: 9n }, 0n, true],
    ['goes on where nobody has been, behind what is kept', { low: 7n }, 40n, true],
  ])('that %s', async (_, group, from, isOutOfPlace) => {
    expect(await watchOn(group).isOutOfPlace(0, { from, next: from + 10n })).toBe(isOutOfPlace);
  });
});

describe('a topic', () => {
  it('is another one once what was committed is gone', async () => {
    const group: Group = { committed: 40n };
    const watch = watchOn(group);
    watch.committed(0);
    expect(await watch.isRenewed()).toBe(false);
    expect(await watch.isOutOfPlace(0, { from: 0n, next: 1n })).toBe(false);
    delete group.committed;
    expect(await watch.isRenewed()).toBe(true);
    expect(await watch.isOutOfPlace(0, { from: 0n, next: 1n })).toBe(true);
    watch.forget();
    expect(await watch.isRenewed()).toBe(false);
  });

  it('is the same where nothing has been committed yet', async () => {
    expect(await watchOn({}).isRenewed()).toBe(false);
  });
});
