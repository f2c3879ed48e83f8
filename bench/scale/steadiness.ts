import type { Target } from '../speed/targets.ts';
import { HOT_TABLES, SHORT_LIVED, type TableState } from './hot-tables.ts';
import type { Interval } from './interval.ts';
import type { Soak } from './soak.ts';

/** Of memory and of what is short-lived. What grows for good is beyond it sooner or later: soak for longer to see it. */
const GROWTH_MAX = 1.1;
/** A p99 of one minute differs from that of another by more than a size does. */
const P99_GROWTH_MAX = 1.5;
/** Postgres vacuums a table at a fifth of dead rows: more die until it looks, once a minute, and while it is at it. */
const DEAD_SHARE_MAX = 0.35;
/** Below that a table fits into a few pages, and its growth says nothing. */
const SHORT_LIVED_BYTES_MIN = 8 * 2 ** 20;

/** Whether it goes on as it was: the last third of the intervals beside the one before it. The first warms up. */
export function steadinessOf({ intervals, lagAtEnd }: Soak): Target[] {
  return [
    ...memoryTargets(intervals),
    p99Target('accept p99', intervals, ({ accept }) => accept.p99),
    p99Target('accept → Completed p99', intervals, ({ toEnd }) => toEnd.p99),
    {
      what: 'commands that are not stored at the end',
      reached: lagAtEnd,
      atMost: 0,
      unit: 'messages',
    },
    ...SHORT_LIVED.map((name) => sizeTarget(name, intervals)),
    ...HOT_TABLES.filter((name) => !SHORT_LIVED.includes(name)).map((name) =>
      deadTarget(name, intervals),
    ),
  ];
}

/**
 * The mean of the last third of the values to the mean of the third before it.
 * @param least a smaller mean counts as this much
 */
export function growthOf(values: readonly number[], least = 0): number {
  const third = thirdOf(values);
  const meanOf = (part: readonly number[]) =>
    Math.max(least, part.reduce((sum, value) => sum + value, 0) / part.length);
  const last = values.slice(-third);
  const before = values.slice(-2 * third, -third);
  return before.length === 0 ? 1 : meanOf(last) / meanOf(before);
}

/** How many of them are a third: one at least. What does not make thirds goes to the first. */
function thirdOf(values: readonly unknown[]): number {
  return Math.max(1, Math.floor(values.length / 3));
}

function memoryTargets(intervals: readonly Interval[]): Target[] {
  const processes = Object.keys(intervals[0]?.usage ?? {});
  return processes.map((name) => ({
    what: `memory of ${name}, last third to the one before`,
    reached: growthOf(intervals.map(({ usage }) => usage![name]!.peakBytes)),
    atMost: GROWTH_MAX,
    unit: '×',
  }));
}

function p99Target(
  what: string,
  intervals: readonly Interval[],
  p99: (interval: Interval) => number,
): Target {
  return {
    what: `${what}, last third to the one before`,
    reached: growthOf(intervals.map(p99)),
    atMost: P99_GROWTH_MAX,
    unit: '×',
  };
}

function sizeTarget(name: string, intervals: readonly Interval[]): Target {
  const sizes = statesOf(name, intervals).map(
    ({ tableBytes, indexBytes }) => tableBytes + indexBytes,
  );
  return {
    what: `size of ${name} with indexes, last third to the one before`,
    reached: growthOf(sizes, SHORT_LIVED_BYTES_MIN),
    atMost: GROWTH_MAX,
    unit: '×',
  };
}

function deadTarget(name: string, intervals: readonly Interval[]): Target {
  const states = statesOf(name, intervals).slice(-thirdOf(intervals));
  const shares = states.map(({ live, dead }) => dead / Math.max(1, live + dead));
  return {
    what: `most dead rows of ${name} in the last third, of all`,
    reached: 100 * Math.max(...shares),
    atMost: 100 * DEAD_SHARE_MAX,
    unit: '%',
  };
}

function statesOf(name: string, intervals: readonly Interval[]): TableState[] {
  return intervals.map(({ tables }) => tables[name]!);
}
