import pg from 'pg';

const SECOND_LENGTH = '2026-01-31 12:00:00'.length;
/** How Postgres writes nearly every moment: a second, up to six digits of it and the time zone of the connection. */
const USUAL = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,6}))?([+-]\d\d(?::\d\d)?)$/;
const read = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ) as (
  text: string,
) => Date | number | null;

/** The last second that was read, with its time zone, and what it is. */
let second = '';
let zone = '';
let secondMs = Number.NaN;

/**
 * A `timestamptz` as the driver reads it, down to whole milliseconds. That takes it several microseconds; the moments of a batch
 * are nearly all of the same second.
 * @returns a number for Postgres's infinities
 */
export function momentOf(text: string): Date | number | null {
  if (second !== '' && text.startsWith(second) && text.endsWith(zone)) {
    const fraction = text.slice(SECOND_LENGTH, -zone.length);
    return new Date(secondMs + Number(fraction.slice(1, 4).padEnd(3, '0')));
  }
  const [, its, , itsZone] = USUAL.exec(text) ?? [];
  if (its === undefined || itsZone === undefined) return read(text);
  secondMs = (read(its + itsZone) as Date).getTime();
  second = its;
  zone = itsZone;
  return momentOf(text);
}
