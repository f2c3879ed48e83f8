import { expect, it } from 'vitest';
import { VerifiedTokens } from './verified-tokens.ts';

const NOW = Date.now();
const LATER = { fromMs: 0, untilMs: NOW + 60_000 };

it('forgets the token that was not used for the longest time when it is full', () => {
  const tokens = new VerifiedTokens<number>(3);
  for (const [index, name] of ['a', 'b', 'c'].entries()) tokens.remember(name, index, LATER);
  expect(tokens.find('a', NOW)).toBe(0);
  tokens.remember('d', 3, LATER);
  expect(['a', 'b', 'c', 'd'].map((name) => tokens.find(name, NOW))).toEqual([0, undefined, 2, 3]);
});

it('does not make room for a token that it knows already', () => {
  const tokens = new VerifiedTokens<number>(2);
  tokens.remember('a', 1, LATER);
  tokens.remember('b', 2, LATER);
  tokens.remember('b', 3, LATER);
  expect([tokens.find('a', NOW), tokens.find('b', NOW)]).toEqual([1, 3]);
});

it('knows a token only for the time at which it is valid, whenever that is asked', () => {
  const tokens = new VerifiedTokens<string>();
  tokens.remember('past', 'claims', { fromMs: NOW - 2000, untilMs: NOW - 1000 });
  const at = [NOW - 2001, NOW - 2000, NOW - 1001, NOW - 1000];
  expect(at.map((moment) => tokens.find('past', moment))).toEqual([
    undefined,
    'claims',
    'claims',
    undefined,
  ]);
});
