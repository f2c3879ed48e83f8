import { describe, expect, it } from 'vitest';
import { parseDuration } from './duration.ts';

describe('parseDuration', () => {
  it.each([
    ['90s', 90],
    ['15m', 900],
    ['1h', 3600],
    ['7d', 604_800],
    ['-1h', -3600],
    ['0s', 0],
  ])('reads %s as %i seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  it.each(['', '1', 'h', '1.5h', '1 h', '1w', '--1h'])(
    'refuses %j and says what would be right',
    (text) => {
      expect(() => parseDuration(text)).toThrow('90s, 15m, 1h');
    },
  );
});
