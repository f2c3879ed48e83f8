import { describe, expect, it } from 'vitest';
import { type Target, verdictOf } from '../speed/targets.ts';
import type { Interval } from './interval.ts';
import { growthOf, steadinessOf } from './steadiness.ts';

const MIB = 2 ** 20;

interface Drift {
  workerMiB?: number;
  acceptP99?: number;
  endP99?: number;
  outboxMiB?: number;
  dead?: number;
}

function interval({
  workerMiB = 200,
  acceptP99 = 10,
  endP99 = 40,
  outboxMiB = 20,
  dead = 100,
}: Drift): Interval {
  const table = (tableMiB: number, deadRows = 0) => ({
    tableBytes: tableMiB * MIB,
    indexBytes: 0,
    live: 1000,
    dead: deadRows,
  });
  return {
    acceptedPerSecond: 100,
    accept: { p50: 2, p99: acceptP99 },
    toEnd: { p50: 15, p99: endP99 },
    lateness: { p50: 0, p99: 1 },
    usage: {
      api: { cpuMicros: 1, peakBytes: 150 * MIB, programBytes: 0 },
      worker: { cpuMicros: 1, peakBytes: workerMiB * MIB, programBytes: 0 },
    },
    lag: 3,
    tables: {
      security_action: table(100, dead),
      security_action_event: table(100),
      security_action_work: table(20),
      outbox: table(outboxMiB),
    },
  };
}

/** Nine intervals, the last three of them otherwise than the six before. */
function missed(drift: Drift, lagAtEnd = 0): string[] {
  const intervals = Array.from({ length: 9 }, (_, index) => interval(index < 6 ? {} : drift));
  const rates = { saturatedPerSecond: 143, perSecond: 100 };
  const targets = steadinessOf({ ...rates, intervals, lagAtEnd, oldAtEnd: 0 });
  return targets.filter((target: Target) => verdictOf(target) === 'missed').map(({ what }) => what);
}

describe('growthOf', () => {
  it('compares the last third with the one before, whatever the first was', () => {
    expect(growthOf([900, 900, 900, 10, 10, 10, 12, 12, 12])).toBe(1.2);
    expect(growthOf([900, 10, 12])).toBe(1.2);
    // What does not make thirds goes to the first.
    expect(growthOf([900, 900, 900, 900, 10, 10, 12, 12])).toBe(1.2);
  });

  it('knows no growth of one value, and none below what counts', () => {
    expect(growthOf([5])).toBe(1);
    expect(growthOf([1, 1, 4], 4)).toBe(1);
    expect(growthOf([1, 1, 8], 4)).toBe(2);
  });
});

describe('steadinessOf', () => {
  it('misses nothing when the end is as the middle was', () => {
    expect(missed({})).toEqual([]);
    expect(missed({ workerMiB: 219, acceptP99: 14, outboxMiB: 21, dead: 300 })).toEqual([]);
  });

  it.each([
    ['memory of worker, last third to the one before', { workerMiB: 230 }],
    ['accept p99, last third to the one before', { acceptP99: 16 }],
    ['accept → Completed p99, last third to the one before', { endP99: 70 }],
    ['size of outbox with indexes, last third to the one before', { outboxMiB: 30 }],
    ['most dead rows of security_action in the last third, of all', { dead: 800 }],
  ])('misses: %s', (what, drift) => {
    expect(missed(drift)).toEqual([what]);
  });

  it('misses a lag that does not go away', () => {
    expect(missed({}, 1)).toEqual(['commands that are not stored at the end']);
  });
});
