/*
 * Arrays as Postgres reads them. The driver looks in each element for what it would have to escape, twice, and makes four texts
 * of it; a batch has two dozen such arrays, and in half of them each element is the same.
 */

/**
 * Of values none of which can need quotes: ids, numbers, truth values, moments in UTC, our own words. Nothing that a client may
 * write in several ways: a comma in it would make two elements of one.
 */
export function plainArray(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join()}}`;
}

/** Of any texts. */
export function textArray(values: readonly (string | null)[]): string {
  let before: string | null = null;
  let element = 'NULL';
  const elements = values.map((value) => {
    if (value !== before) element = value === null ? 'NULL' : quoted(value);
    before = value;
    return element;
  });
  return `{${elements.join()}}`;
}

function quoted(text: string): string {
  return `"${text.includes('"') || text.includes('\\') ? text.replace(/["\\]/g, '\\$&') : text}"`;
}
