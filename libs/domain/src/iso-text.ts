const MS_PER_SECOND = 1000;
/** How a text ends, by its millisecond. */
const ENDINGS = Array.from(
  { length: MS_PER_SECOND },
  (_, ms) => `.${String(ms).padStart(3, '0')}Z`,
);

/** The last second that was written, and how. */
let second = Number.NaN;
let beginning = '';

/**
 * A moment as `Date.prototype.toISOString` writes it. V8 puts that together number by number, at a microsecond each; an action
 * needs a dozen, nearly all of the same second.
 * @throws RangeError of an invalid date
 */
export function isoText(date: Date): string {
  const ms = date.getTime();
  const its = Math.floor(ms / MS_PER_SECOND);
  if (its !== second) {
    beginning = date.toISOString().slice(0, -'.000Z'.length);
    second = its;
  }
  return beginning + ENDINGS[ms - its * MS_PER_SECOND]!;
}
