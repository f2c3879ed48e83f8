import { expect, it } from 'vitest';
import { randomBytes } from './random-bytes.ts';

it('gives as many bytes as are asked for, and none of them twice', () => {
  const sizes = Array.from({ length: 3000 }, (_, index) => (index % 2 ? 16 : 9));
  const drawn = sizes.map((size) => randomBytes(size).toString('hex'));
  expect(drawn.map((hex) => hex.length / 2)).toEqual(sizes);
  expect(new Set(drawn).size).toBe(drawn.length);
});
