import { describe, expect, it } from 'vitest';
import { Dice } from './dice.ts';

const throwsOf = (dice: Dice) => Array.from({ length: 20 }, () => dice.between(1, 1000));

describe('Dice', () => {
  it('throws the same for the same seed and stream, and else something else', () => {
    expect(throwsOf(new Dice(7, 2))).toEqual(throwsOf(new Dice(7, 2)));
    expect(throwsOf(new Dice(7, 2))).not.toEqual(throwsOf(new Dice(7, 3)));
    expect(throwsOf(new Dice(7, 2))).not.toEqual(throwsOf(new Dice(8, 2)));
  });

  it('keeps to the ends of a range, and reaches both', () => {
    const dice = new Dice(1);
    const thrown = Array.from({ length: 200 }, () => dice.between(3, 5));
    expect(new Set(thrown)).toEqual(new Set([3, 4, 5]));
  });

  it('picks by weight, and nothing that weighs nothing', () => {
    const dice = new Dice(1);
    const picked = Array.from({ length: 1000 }, () =>
      dice.weighted({ often: 9, seldom: 1, never: 0 }),
    );
    const often = picked.filter((name) => name === 'often').length;
    expect(often).toBeGreaterThan(850);
    expect(often).toBeLessThan(950);
    expect(picked).not.toContain('never');
  });

  it('shuffles without losing any', () => {
    const items = Array.from({ length: 20 }, (_, index) => index);
    const shuffled = new Dice(1).shuffle(items);
    expect(shuffled).not.toEqual(items);
    expect(shuffled.toSorted((a, b) => a - b)).toEqual(items);
  });

  it('cannot pick from nothing', () => {
    expect(() => new Dice(1).pick([])).toThrow('nothing to pick from');
  });
});
