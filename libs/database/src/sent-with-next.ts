/** TypeORM's own words for the beginning of a transaction. */
export const BEGIN = 'START TRANSACTION';

const statements = new Set([BEGIN]);

/**
 * Marks a statement whose answer tells nothing: it is sent along with the next one on its connection, and so costs no round
 * trip. Should it fail, the next one fails with its error. To begin a transaction is such a statement.
 */
export function sentWithNext(sql: string): string {
  statements.add(sql);
  return sql;
}

/** Whether a statement was marked. */
export function isSentWithNext(sql: unknown): sql is string {
  return typeof sql === 'string' && statements.has(sql);
}
