/** A date, or a date and time with an offset. A `+` that a client left raw has become a space on its way. */
export const DATE_TIME =
  /\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,12})?)?(?:Z|[-+ ]\d{2}:\d{2})?)?/iuy;

const PARTS =
  /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?(Z|[-+ ]\d{2}:\d{2})?)?$/i;
const MS_PER_MINUTE = 60_000;

/**
 * The instant as ISO 8601, UTC. Digits beyond the millisecond are cut off, as nothing here is kept more exactly; a
 * date alone is its first instant in UTC.
 * @returns a text that says what is wrong, for a date that does not exist or lacks its offset
 */
export function parseDateTime(text: string): { instant: string } | { fault: string } {
  const match = PARTS.exec(text);
  if (match === null) return { fault: 'is not a date and time' };
  const [, year, month, day, hour, minute, second = '00', fraction = '', zone] = match;
  if (hour !== undefined && zone === undefined) return { fault: 'needs an offset: Z or +hh:mm' };
  const ms = fraction.slice(0, 3).padEnd(3, '0');
  const local = `${year}-${month}-${day}T${hour ?? '00'}:${minute ?? '00'}:${second}.${ms}Z`;
  const time = Date.parse(local);
  // Date takes 30 February for 1 March, and 24:00 for the next day.
  if (Number.isNaN(time) || new Date(time).toISOString() !== local) {
    return { fault: 'does not exist in the calendar' };
  }
  const offset = offsetMinutes(zone ?? 'Z');
  if (offset === undefined) return { fault: 'has an offset that is none' };
  const instant = new Date(time - offset * MS_PER_MINUTE).toISOString();
  // A year 0, as Postgres has none, or one of five digits.
  if (!/^\d{4}-/.test(instant) || instant.startsWith('0000')) return { fault: 'is out of range' };
  return { instant };
}

function offsetMinutes(zone: string): number | undefined {
  if (zone.toUpperCase() === 'Z') return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(4))];
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}
