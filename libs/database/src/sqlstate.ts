/*
 * What a failed statement means for the caller. Transient: the same statement may pass later, nothing is wrong
 * with the data. Data: it will fail again for as long as the data are what they are.
 */

const TRANSIENT_CLASSES = ['08', '53', '57', '58', '40', '55'];
const DATA_CLASSES = ['22', '23'];
/** What the sockets of node and the pool of pg report; they carry no SQLSTATE. */
const CONNECTION_CODES = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
];
const CONNECTION_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Cannot use a pool after calling end|is not queryable|not established|not connected/i;

/** Whether the database, not the data, is the reason: outage, overload, time-out, deadlock, conflict. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined && isSqlState(code)) return TRANSIENT_CLASSES.includes(code.slice(0, 2));
  if (code !== undefined && CONNECTION_CODES.includes(code)) return true;
  return error instanceof Error && CONNECTION_MESSAGES.test(error.message);
}

/** Whether Postgres refuses the values themselves, so that another try cannot help. */
export function isDataError(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && isSqlState(code) && DATA_CLASSES.includes(code.slice(0, 2));
}

function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code);
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, driverError } = error as { code?: unknown; driverError?: unknown };
  return typeof code === 'string' ? code : codeOf(driverError);
}
