import { describe, expect, it } from 'vitest';
import { API_ERRORS, ApiError, type ApiErrorCode, FAILURE_CODES } from './errors.ts';

const codes = Object.keys(API_ERRORS) as ApiErrorCode[];

describe('ApiError', () => {
  it.each(codes)('%s has the HTTP status and the message of its table', (code) => {
    const error = new ApiError(code);
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.code]).toEqual(['ApiError', code]);
    expect(error.httpStatus).toBe(API_ERRORS[code].httpStatus);
    expect(error.message).toBe(API_ERRORS[code].message);
  });

  it('carries what its thrower knows better, and nothing else', () => {
    const details = [{ code: 'invalidRequest' as const, message: 'is required', target: 'name' }];
    const error = new ApiError('invalidRequest', 'name: is required', {
      target: 'name',
      details,
      retryAfterSeconds: 2,
    });
    expect(error.message).toBe('name: is required');
    expect(error).toMatchObject({ target: 'name', details, retryAfterSeconds: 2 });
    const plain = new ApiError('itemNotFound');
    expect([plain.target, plain.details, plain.retryAfterSeconds]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('the table of request errors', () => {
  it('answers errors only, each with a sentence', () => {
    for (const { httpStatus, message } of Object.values(API_ERRORS)) {
      expect(httpStatus).toBeGreaterThanOrEqual(400);
      expect(httpStatus).toBeLessThan(600);
      expect(message).toMatch(/^[A-Z].*\.$/);
    }
  });
});

describe('the codes of a failed action', () => {
  it('never change their number, which clients store, and leave out 0 and 2', () => {
    expect(FAILURE_CODES).toEqual({
      cancelled: 1,
      outcomeUnknown: 3,
      providerRejected: 4,
      retriesExhausted: 5,
      expired: 6,
      superseded: 7,
      invalidRequest: 8,
    });
  });
});
