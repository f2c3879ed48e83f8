/**
 * An array as Postgres reads it, of values none of which needs quotes: ids, numbers, truth values, moments, our own words. The
 * driver looks in each element for what it would have to escape, and a batch has a dozen such arrays.
 */
export function plainArray(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join()}}`;
}
