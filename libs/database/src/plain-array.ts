/**
 * An array as Postgres reads it, of values none of which can need quotes: ids, numbers, truth values, moments in UTC, our own
 * words. Nothing that a client may write in several ways: a comma in it would make two elements of one. The
 * driver looks in each element for what it would have to escape, and a batch has a dozen such arrays.
 */
export function plainArray(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join()}}`;
}
