import { latency, whole } from '../speed/cells.ts';
import { type Figures, measure, STEADY_PER_SECOND } from '../speed/measure.ts';
import { totalMicros } from '../speed/meter.ts';
import { type Contest, processTable, remarks } from '../speed/report.ts';
import { type Answer, ratio } from '../table.ts';
import type { ScaleGround } from './ground.ts';
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
  const contest: Record<string, Figures> = {};
  for (const [name, variant] of Object.entries(comparison.variants)) {
    contest[name] = await progress.step(name, () =>
      withVariant(services, variant, (contender) => measure(contender, servers, size.figures)),
    );
  }
  return [variantTable(comparison, contest), processTable(contest)];
}

function variantTable({ title, setup, notes }: Comparison, contest: Contest): Answer {
  const [first] = Object.values(contest);
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
    rows: Object.entries(contest).map(([name, figures]) => [
      name,
      whole(figures.acceptedPerSecond),
      ratio(figures.acceptedPerSecond, first!.acceptedPerSecond),
      whole(figures.completedPerSecond),
      ratio(figures.completedPerSecond, first!.completedPerSecond),
      whole(figures.usage && totalMicros(figures.usage) / figures.actions),
      ...latency(figures.accept),
      ...latency(figures.toEnd),
    ]),
    notes: [...notes, ...Object.entries(contest).flatMap(([name, one]) => remarks(name, one))],
  };
}
