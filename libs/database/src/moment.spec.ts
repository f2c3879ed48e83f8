import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { momentOf } from './moment.ts';

const read = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ) as (text: string) => unknown;

describe('a moment from Postgres', () => {
  it.each([
    '2026-01-31 12:00:00+00',
    '2026-01-31 12:00:00.1+00',
    '2026-01-31 12:00:00.12+00',
    '2026-01-31 12:00:00.123+00',
    '2026-01-31 12:00:00.123999+00',
    '2026-01-31 12:00:00.000001+00',
    '2026-01-31 12:00:00.05+00',
    '2026-01-31 12:00:00-03',
    '2026-01-31 12:00:00.5-03',
    '2026-01-31 12:00:00.25+05:30',
    '2026-01-31 12:00:00.25+05',
    '2026-01-31 12:00:01+00',
    '1847-11-15 19:03:58.5+00:53:28',
    '0044-03-15 12:00:00+00 BC',
    '10000-01-01 00:00:00+00',
    'infinity',
    '-infinity',
  ])('is what the driver makes of it, whatever was read before: %s', (text) => {
    for (const before of ['2026-01-31 12:00:00.7+00', '2026-01-31 12:00:00.25+05:30', text]) {
      momentOf(before);
      expect(momentOf(text)).toEqual(read(text));
    }
  });

  it('is cut and not rounded to a millisecond, each of them', () => {
    for (let ms = 0; ms < 1000; ms++) {
      const digits = String(ms).padStart(3, '0');
      const moment = momentOf(`2026-01-31 12:00:00.${digits}999+00`);
      expect(moment).toEqual(new Date(`2026-01-31T12:00:00.${digits}Z`));
    }
  });
});
