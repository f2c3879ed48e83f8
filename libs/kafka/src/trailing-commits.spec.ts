import { describe, expect, it } from 'vitest';
import { TrailingCommits } from './trailing-commits.ts';

/** What is committed of partition 0, and from where on it was looked at, on a Kafka that takes its time, or is away. */
function trailing() {
  const kafka = { isAway: false, answer: Promise.resolve(), committed: [] as string[] };
  const failures: unknown[] = [];
  const commits = new TrailingCommits(
    async (_partition, { from, next }, isCurrent) => {
      await kafka.answer;
      if (kafka.isAway) throw new Error('away');
      if (isCurrent()) kafka.committed.push(`${from}-${next}`);
    },
    (error) => failures.push(error),
  );
  return { kafka, commits, failures };
}

describe('commits that trail', () => {
  it('say how far a consumer is, and once more what came while the first was under way', async () => {
    const { kafka, commits } = trailing();
    const { promise, resolve } = Promise.withResolvers<void>();
    kafka.answer = promise;
    commits.passed(0, { from: 0n, next: 10n });
    commits.passed(0, { from: 10n, next: 20n });
    commits.passed(0, { from: 20n, next: 30n });
    resolve();
    await commits.allSettled();
    expect(kafka.committed).toEqual(['0-10', '10-30']);
    commits.passed(0, { from: 30n, next: 40n });
    await commits.allSettled();
    expect(kafka.committed).toEqual(['0-10', '10-30', '30-40']);
  });

  it('come through however often more is passed while they are under way', async () => {
    const { kafka, commits } = trailing();
    for (let next = 1n; next <= 50n; next += 1n) {
      commits.passed(0, { from: next - 1n, next });
      await Promise.resolve();
    }
    expect(kafka.committed.length).toBeGreaterThan(10);
    await commits.allSettled();
    expect(kafka.committed.at(-1)).toMatch(/-50$/);
  });

  it('are tried again when Kafka was away, from where the consumer was last on record', async () => {
    const { kafka, commits, failures } = trailing();
    kafka.isAway = true;
    commits.passed(0, { from: 0n, next: 10n });
    await commits.allSettled();
    expect(failures).toEqual([new Error('away')]);
    commits.passed(0, { from: 10n, next: 20n });
    await commits.allSettled();
    kafka.isAway = false;
    commits.retry();
    await commits.allSettled();
    expect(kafka.committed).toEqual(['0-20']);
    commits.retry();
    await commits.allSettled();
    expect(kafka.committed).toEqual(['0-20']);
  });

  it('of a new membership do not wait for one of the old that fails', async () => {
    const { kafka, commits } = trailing();
    const { promise, reject } = Promise.withResolvers<void>();
    kafka.answer = promise;
    commits.passed(0, { from: 0n, next: 10n });
    commits.forget();
    commits.passed(0, { from: 40n, next: 50n });
    kafka.answer = Promise.resolve();
    reject(new Error('of an earlier generation'));
    await commits.allSettled();
    expect(kafka.committed).toEqual(['40-50']);
  });

  it('do not come any more once the partitions are dealt out anew', async () => {
    const { kafka, commits } = trailing();
    const { promise, resolve } = Promise.withResolvers<void>();
    kafka.answer = promise;
    commits.passed(0, { from: 0n, next: 10n });
    commits.forget();
    commits.passed(0, { from: 40n, next: 50n });
    resolve();
    await commits.allSettled();
    expect(kafka.committed).toEqual(['40-50']);
  });
});
