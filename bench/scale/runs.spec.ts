import { expect, it } from 'vitest';
import type { Figures } from '../speed/measure.ts';
import { rateRatio, runsOf } from './runs.ts';

it('measures the first variant before and after each of the others', () => {
  const variants = { none: { rows: 0 }, some: { rows: 1 }, many: { rows: 2 } };
  expect(runsOf(variants).map(({ name, variant }) => [name, variant.rows])).toEqual([
    ['none', 0],
    ['some', 1],
    ['none (run 2)', 0],
    ['many', 2],
    ['none (run 3)', 0],
  ]);
  expect(runsOf({ alone: {} }).map(({ name }) => name)).toEqual(['alone']);
});

it('compares a variant with the first right beside it, and the first with its first run', () => {
  const runs = [100, 90, 80, 30, 40].map((completedPerSecond, run) => ({
    name: String(run),
    figures: { completedPerSecond } as Figures,
  }));
  const ratios = runs.map((_, index) => rateRatio(runs, index, (one) => one.completedPerSecond));
  expect(ratios).toEqual([
    [100, 100],
    [90, 90],
    [80, 100],
    [30, 60],
    [40, 100],
  ]);
});
