import { expect, it } from 'vitest';
import { floorOf } from './floor.ts';

const parts = { http: 46, produce: 25, consume: 8, transitions: 69 };

it('adds up every step of an action, with its command and its events', () => {
  expect(floorOf(parts, 3, 2).micros).toBe(46 + 25 + 75 + 8 + 69);
  expect(floorOf(parts, 0, 2).micros).toBe(46 + 25 + 8 + 69);
});

it('fills every core', () => {
  const [two, four] = [2, 4].map((cores) => floorOf({ ...parts, http: 73 }, 3, cores).perSecond);
  expect(two).toBe(8000);
  expect(four).toBe(16_000);
});
