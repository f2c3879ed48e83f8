import { describe, expect, it } from 'vitest';
import { PassedRecords } from './passed-records.ts';

/** What is committed of partition 0, on a Kafka that takes its time, or is away. */
function passedOn() {
  const kafka = { isAway: false, asked: Promise.resolve(), committed: [] as bigint[] };
  const passed = new PassedRecords(async (_partition, { next }, isCurrent) => {
    await kafka.asked;
    if (kafka.isAway) throw new Error('away');
    if (isCurrent()) kafka.committed.push(next);
  });
  return { kafka, passed };
}

describe('records that are passed over', () => {
  it('are committed as far as they go, however many fetches that took', async () => {
    const { kafka, passed } = passedOn();
    const answer = Promise.withResolvers<void>();
    kafka.asked = answer.promise;
    passed.passed(0, { from: 0n, next: 10n });
    passed.passed(0, { from: 10n, next: 20n });
    passed.passed(0, { from: 20n, next: 30n });
    answer.resolve();
    await expect.poll(() => kafka.committed).toEqual([30n]);
    passed.retry();
    passed.passed(0, { from: 30n, next: 40n });
    await expect.poll(() => kafka.committed).toEqual([30n, 40n]);
  });

  it('are committed later when Kafka is away, and are known to be passed over meanwhile', async () => {
    const { kafka, passed } = passedOn();
    kafka.isAway = true;
    passed.passed(0, { from: 0n, next: 10n });
    passed.passed(0, { from: 10n, next: 20n });
    expect(passed.beginningOf(0, 20n)).toBe(0n);
    expect(passed.beginningOf(0, 21n)).toBe(21n);
    expect(passed.beginningOf(1, 20n)).toBe(20n);
    kafka.isAway = false;
    await expect
      .poll(() => {
        passed.retry();
        return kafka.committed;
      })
      .toEqual([20n]);
    expect(passed.beginningOf(0, 20n)).toBe(20n);
  });

  it.each<[string, (passed: PassedRecords) => Promise<void>]>([
    ['what is behind them was', (passed) => passed.overtaken(0)],
    ['the partitions are dealt out anew', async (passed) => passed.forget()],
  ])('are not committed after %s', async (_, end) => {
    const { kafka, passed } = passedOn();
    const answer = Promise.withResolvers<void>();
    kafka.asked = answer.promise;
    passed.passed(0, { from: 0n, next: 10n });
    const ended = end(passed);
    answer.resolve();
    await ended;
    passed.passed(0, { from: 40n, next: 50n });
    await expect.poll(() => kafka.committed).toEqual([50n]);
  });
});
