import {
  QueryFailedError,
  QueryRunnerAlreadyReleasedError,
  QueryRunnerProviderAlreadyReleasedError,
} from 'typeorm';
import { describe, expect, it } from 'vitest';
import { isDataError, isStartedUnderHold, isStatementTimeout, isTransient } from './sqlstate.ts';

/** As pg reports it, and as TypeORM hands it on. */
function failure(code: string, message = 'failed'): Error {
  const driverError = Object.assign(new Error(message), { code });
  return new QueryFailedError('SELECT 1', [], driverError);
}

describe('what a failed statement means', () => {
  it.each([
    ['connection_failure', '08006'],
    ['read_only_sql_transaction', '25006'],
    ['invalid_password', '28P01'],
    ['invalid_catalog_name', '3D000'],
    ['serialization_failure', '40001'],
    ['deadlock_detected', '40P01'],
    ['disk_full', '53100'],
    ['too_many_connections', '53300'],
    ['lock_not_available', '55P03'],
    ['query_canceled', '57014'],
    ['admin_shutdown', '57P01'],
    ['cannot_connect_now', '57P03'],
    ['io_error', '58030'],
    ['a closed port', 'ECONNREFUSED'],
    ['a broken connection', 'ECONNRESET'],
    ['no file descriptor left', 'EMFILE'],
    ['a name server that fails', 'EAI_FAIL'],
    ['a certificate that has expired', 'CERT_HAS_EXPIRED'],
    ['a certificate for another name', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['a certificate of an unknown authority', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ])('%s (%s) is transient', (_, code) => {
    expect([isTransient(failure(code)), isDataError(failure(code))]).toEqual([true, false]);
  });

  it.each([
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'timeout exceeded when trying to connect',
    'Query read timeout',
    'The server does not support SSL connections',
    'There was an error establishing an SSL connection',
  ])('"%s", which carries no code, is transient', (message) => {
    const error = new Error(message);
    expect([isTransient(error), isDataError(error)]).toEqual([true, false]);
  });

  it.each([
    ['by the connection', new QueryRunnerAlreadyReleasedError()],
    ['by the manager of the transaction', new QueryRunnerProviderAlreadyReleasedError()],
  ])(
    'takes a connection that broke between two statements of a transaction for a broken one: told %s',
    (_, error) => {
      expect([isTransient(error), isDataError(error)]).toEqual([true, false]);
    },
  );

  it.each([
    ['character_not_in_repertoire', '22021'],
    ['untranslatable_character', '22P05'],
    ['numeric_value_out_of_range', '22003'],
    ['not_null_violation', '23502'],
    ['check_violation', '23514'],
    ['program_limit_exceeded', '54000'],
  ])('%s (%s) is about the data', (_, code) => {
    expect([isTransient(failure(code)), isDataError(failure(code))]).toEqual([false, true]);
  });

  it.each([
    ['undefined_table', '42P01'],
    ['undefined_column', '42703'],
    ['insufficient_privilege', '42501'],
    ['internal_error', 'XX000'],
  ])('%s (%s) is neither: it waits for whoever mends it, and no action pays for it', (_, code) => {
    expect([isTransient(failure(code)), isDataError(failure(code))]).toEqual([false, false]);
  });

  it('is not asked of what never reached Postgres', () => {
    for (const error of [new TypeError('x is undefined'), 'text', undefined, null]) {
      expect([isTransient(error), isDataError(error)]).toEqual([false, false]);
    }
  });

  it('tells a statement that ran out of time, which may pass with less to do', () => {
    expect(['57014', '57P01'].map((code) => isStatementTimeout(failure(code)))).toEqual([
      true,
      false,
    ]);
  });

  it('knows its own from all others, and takes it neither for an outage nor for bad data', () => {
    const own = failure('SA001');
    expect([isStartedUnderHold(own), isTransient(own), isDataError(own)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(isStartedUnderHold(failure('P0001'))).toBe(false);
  });
});
