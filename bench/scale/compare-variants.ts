import { latency, whole } from '../speed/cells.ts';
import { type Figures, measure, STEADY_PER_SECOND } from '../speed/measure.ts';
import { totalMicros } from '../speed/meter.ts';
import { processTable, remarks } from '../speed/report.ts';
import { type Answer, ratio } from '../table.ts';
import type { ScaleGround } from './ground.ts';
import { type Run, rateRatio, runsOf } from './runs.ts';
import { type Variant, withVariant } from './variant.ts';

/** Variants of one product, by name; the others are compared with the first. */
export interface Comparison {
  title: string;
  /** What is the same for all. */
  setup: string;
  variants: Readonly<Record<string, Variant>>;
  notes: string[];
}

/** Measures each variant in a system of its own, so that none finds tables that another has filled. */
export async function compareVariants(
  { services, servers, progress, size }: ScaleGround,
  comparison: Comparison,
): Promise<Answer[]> {
  const runs: Run[] = [];
  for (const { name, variant } of runsOf(comparison.variants)) {
    const figures = await progress.step(name, () =>
      withVariant(services, variant, (contender) => measure(contender, servers, size.figures)),
    );
    runs.push({ name, figures });
  }
  const contest = Object.fromEntries(runs.map(({ name, figures }) => [name, figures]));
  return [variantTable(comparison, runs), processTable(contest)];
}

function variantTable({ title, setup, notes }: Comparison, runs: readonly Run[]): Answer {
  return {
    title,
    setup:
      `${setup} At saturation, until all have ended; latencies at ${STEADY_PER_SECOND} creates a second in an open loop, ` +
      'in milliseconds.',
    header: [
      '',
      'Accepted/s',
      'to the first',
      'Completed/s',
      'to the first',
      'CPU µs/action',
      'Accept p50',
      'p99',
      'Accept → end p50',
      'p99',
    ],
    rows: runs.map(({ name, figures }, index) => [
      name,
      whole(figures.acceptedPerSecond),
      ratio(...rateRatio(runs, index, (one: Figures) => one.acceptedPerSecond)),
      whole(figures.completedPerSecond),
      ratio(...rateRatio(runs, index, (one: Figures) => one.completedPerSecond)),
      whole(figures.usage && totalMicros(figures.usage) / figures.actions),
      ...latency(figures.accept),
      ...latency(figures.toEnd),
    ]),
    notes: [
      'To the first: a variant to the mean of the first right before and right after it, as the speed of a machine that ' +
        'others use too drifts within minutes. The first, where it runs again, to its first run: that is the drift.',
      ...notes,
      ...runs.flatMap(({ name, figures }) => remarks(name, figures)),
    ],
  };
}
