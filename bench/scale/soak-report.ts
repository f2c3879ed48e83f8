import { mebibytes, milliseconds, whole } from '../speed/cells.ts';
import { targetTable } from '../speed/report.ts';
import { type Answer, ratio } from '../table.ts';
import { HOT_TABLES } from './hot-tables.ts';
import type { Interval } from './interval.ts';
import type { SoakSize } from './size.ts';
import type { Soak } from './soak.ts';
import { steadinessOf } from './steadiness.ts';

/** Interval by interval, and whether it goes on as it was. */
export function soakTables(found: Soak, size: SoakSize): Answer[] {
  const { intervals: count, intervalSeconds, oldActions } = size;
  const setup =
    `One API and one worker at default settings but RETENTION_DAYS, while they remove old actions. ${whole(found.perSecond)} creates a second in an open loop: ${ratio(found.perSecond, found.saturatedPerSecond)} the ` +
    `${whole(found.saturatedPerSecond)} a second that it completed when saturated right before. ${count} times ${intervalSeconds} s.`;
  return [
    loadTable(found.intervals, setup),
    growthTable(
      found.intervals,
      `Of ${oldActions} old actions ${found.oldAtEnd} were not removed yet at the end.`,
    ),
    targetTable(steadinessOf(found), 'The last third of the soak beside the third before it.'),
  ];
}

function loadTable(intervals: readonly Interval[], setup: string): Answer {
  const processes = Object.keys(intervals[0]?.usage ?? {});
  return {
    title: 'Does it go on as it began?',
    setup,
    header: [
      '',
      'Accepted/s',
      'Accept p50 ms',
      'p99',
      'Accept → end p50',
      'p99',
      'Lag',
      'Generator late p99',
      ...processes.map((name) => `${name} MiB`),
    ],
    rows: intervals.map(({ acceptedPerSecond, accept, toEnd, lateness, lag, usage }, index) => [
      String(index + 1),
      whole(acceptedPerSecond),
      ...[accept.p50, accept.p99, toEnd.p50, toEnd.p99].map(milliseconds),
      String(lag),
      milliseconds(lateness.p99),
      ...processes.map((name) => mebibytes(usage?.[name]?.peakBytes)),
    ]),
    notes: [
      'Lag: commands accepted and not stored, when the interval ended. MiB: the most that was resident in it.',
      'What the generator is late counts as waiting of the creates.',
    ],
  };
}

function growthTable(intervals: readonly Interval[], removal: string): Answer {
  return {
    title: 'What becomes of the tables?',
    setup: 'When each interval ended. Table and indexes in MiB, dead rows as Postgres counts them.',
    header: ['', ...HOT_TABLES.flatMap((name) => [`${name} MiB`, 'indexes', 'dead'])],
    rows: intervals.map(({ tables }, index) => [
      String(index + 1),
      ...HOT_TABLES.flatMap((name) => {
        const { tableBytes, indexBytes, dead } = tables[name]!;
        return [mebibytes(tableBytes), mebibytes(indexBytes), whole(dead)];
      }),
    ]),
    notes: [
      'security_action and security_action_event keep what has ended, and so grow with every action; the other two have rows ' +
        'for what is under way alone.',
      `${removal} What they leave is room for others once it is vacuumed; files do not get smaller.`,
    ],
  };
}
