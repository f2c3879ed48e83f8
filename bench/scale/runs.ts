import type { Figures } from '../speed/measure.ts';
import type { Variant } from './variant.ts';

/** What was measured of one variant, the first of them before and after each of the others. */
export interface Run {
  name: string;
  figures: Figures;
}

/** In which order variants are measured: the first before and after each of the others. */
export function runsOf(
  variants: Readonly<Record<string, Variant>>,
): { name: string; variant: Variant }[] {
  const [first, ...others] = Object.entries(variants).map(([name, variant]) => ({ name, variant }));
  if (!first) return [];
  const again = (time: number) => ({ ...first, name: `${first.name} (run ${time})` });
  return [first, ...others.flatMap((other, index) => [other, again(index + 2)])];
}

/**
 * What a run is to be divided by what it is compared with, in the order of `runsOf`: a variant with the mean of the first
 * right before and right after it, the first with its own first run.
 */
export function rateRatio(
  runs: readonly Run[],
  index: number,
  rateOf: (figures: Figures) => number,
): [rate: number, reference: number] {
  const rateAt = (at: number) => rateOf(runs[at]!.figures);
  const isFirst = index % 2 === 0;
  const reference = isFirst ? rateAt(0) : (rateAt(index - 1) + rateAt(index + 1)) / 2;
  return [rateAt(index), reference];
}
