import { QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError } from 'typeorm';

/*
 * What a failed statement means for the caller. Transient: the same statement may pass later, nothing is wrong
 * with the data. Data: it will fail again for as long as the data are what they are.
 */

// 25: read-only after a failover; 28 and 3D: a server that is not the one it should be, for the moment.
const TRANSIENT_CLASSES = ['08', '25', '28', '3D', '40', '53', '55', '57', '58'];
// 54: too large or too deep for an index or a type.
const DATA_CLASSES = ['22', '23', '54'];
/** What Postgres says, and we with it, of a transaction that is to be run again. */
export const SERIALIZATION_FAILURE = '40001';
const QUERY_CANCELED = '57014';
const LOCK_NOT_AVAILABLE = '55P03';
/** Ours (classes from I on are free for that): what `refuseIfHeld` raises. */
export const STARTED_UNDER_HOLD = 'SA001';
/** What the sockets of node, the resolver, the pool of pg and TypeORM report; they carry no SQLSTATE. */
const CONNECTION_CODES = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'EPROTO',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  // No file descriptor, or no memory, is left for one more.
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  // A certificate of Postgres that is not trusted, for the moment.
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];
const CONNECTION_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Cannot use a pool after calling end|SSL connection|is not queryable|not established|not connected/i;

/** Whether the database, not the data, is the reason: outage, overload, time-out, deadlock, conflict. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined && isSqlState(code)) return TRANSIENT_CLASSES.includes(code.slice(0, 2));
  if (code !== undefined && CONNECTION_CODES.includes(code)) return true;
  return (
    isConnectionLetGo(error) || (error instanceof Error && CONNECTION_MESSAGES.test(error.message))
  );
}

/**
 * TypeORM lets go of a connection that breaks between two statements of a transaction. What the second one is told depends
 * on whether it was run by the transaction's manager or by the connection itself.
 */
function isConnectionLetGo(error: unknown): boolean {
  return (
    error instanceof QueryRunnerAlreadyReleasedError ||
    error instanceof QueryRunnerProviderAlreadyReleasedError
  );
}

/** Whether Postgres refuses the values themselves, so that another try cannot help. */
export function isDataError(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && isSqlState(code) && DATA_CLASSES.includes(code.slice(0, 2));
}

/** Whether the statement ran out of its time: the same with less to do may pass. */
export function isStatementTimeout(error: unknown): boolean {
  return codeOf(error) === QUERY_CANCELED;
}

/** Whether a hold has come that covers what was to start. */
export function isStartedUnderHold(error: unknown): boolean {
  return codeOf(error) === STARTED_UNDER_HOLD;
}

/**
 * Whether the database as a whole is the reason, and not what the statement was about: every other statement would fare
 * no better now. A statement that ran out of time may have waited for a lock on its own rows.
 */
export function isOutage(error: unknown): boolean {
  return isTransient(error) && !isStatementTimeout(error) && codeOf(error) !== LOCK_NOT_AVAILABLE;
}

function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code);
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, driverError } = error as { code?: unknown; driverError?: unknown };
  return typeof code === 'string' ? code : codeOf(driverError);
}
