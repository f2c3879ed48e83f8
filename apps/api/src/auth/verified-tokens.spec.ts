import { expect, it } from 'vitest';
import { VerifiedTokens } from './verified-tokens.ts';

const LATER = Date.now() + 60_000;

it('forgets the token that was not used for the longest time when it is full', () => {
  const tokens = new VerifiedTokens<number>(3);
  for (const [index, name] of ['a', 'b', 'c'].entries()) tokens.remember(name, index, LATER);
  expect(tokens.find('a')).toBe(0);
  tokens.remember('d', 3, LATER);
  expect(['a', 'b', 'c', 'd'].map((name) => tokens.find(name))).toEqual([0, undefined, 2, 3]);
});

it('does not make room for a token that it knows already', () => {
  const tokens = new VerifiedTokens<number>(2);
  tokens.remember('a', 1, LATER);
  tokens.remember('b', 2, LATER);
  tokens.remember('b', 3, LATER);
  expect([tokens.find('a'), tokens.find('b')]).toEqual([1, 3]);
});
