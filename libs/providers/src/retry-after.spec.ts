import { describe, expect, it } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

describe('Retry-After', () => {
  const nowMs = Date.UTC(1994, 10, 6, 8, 49, 30);

  it.each([
    ['seconds', '7', 7000],
    ['none at all', '0', 0],
    ['a date', 'Sun, 06 Nov 1994 08:49:37 GMT', 7000],
    ['a date as RFC 850 had it', 'Sunday, 06-Nov-94 08:49:37 GMT', 7000],
    ["a date in C's own form", 'Sun Nov  6 08:49:37 1994', 7000],
    ['a date that has passed', 'Sun, 06 Nov 1994 08:00:00 GMT', 0],
    ['more than a day', '9999999999999999999999', 86_400_000],
    ['a date beyond a day', 'Sun, 06 Nov 2044 08:49:37 GMT', 86_400_000],
  ])('is read as %s', (_what, header, expected) => {
    expect(retryAfterMs(header, nowMs)).toBe(expected);
  });

  it.each([undefined, '', 'soon', '-1', '1.5', '0x10', 'Sun, 99 Foo', '1994-11-06T08:49:37Z'])(
    'is left aside when it is %j',
    (header) => {
      expect(retryAfterMs(header, nowMs)).toBeUndefined();
    },
  );
});
