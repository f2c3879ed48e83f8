/*
 * Every error this service can answer, in one table, and every code a Failed action can carry, in another.
 * docs/errors.md explains each; a test keeps the page and the tables equal.
 */

/** What the HTTP filter reads: the status, and the message when the thrower gives none. */
export const API_ERRORS = {
  BadRequest: { httpStatus: 400, message: 'Resource not found for the segment.' },
  invalidRequest: { httpStatus: 400, message: 'The request is not valid.' },
  unknownProvider: { httpStatus: 400, message: 'No such provider.' },
  unknownAction: { httpStatus: 400, message: 'The provider has no such action.' },
  InvalidAuthenticationToken: { httpStatus: 401, message: 'Access token is not valid.' },
  Authorization_RequestDenied: {
    httpStatus: 403,
    message: 'Insufficient privileges to complete the operation.',
  },
  itemNotFound: { httpStatus: 404, message: 'The resource could not be found.' },
  Request_BadRequest: {
    httpStatus: 405,
    message: 'Specified HTTP method is not allowed for the request target.',
  },
  requestTimeout: { httpStatus: 408, message: 'The request did not arrive in time.' },
  alreadyFinished: { httpStatus: 409, message: 'The action has ended already.' },
  conflict: { httpStatus: 409, message: 'The action is not in a state that allows this.' },
  idempotencyKeyReuse: {
    httpStatus: 409,
    message: 'The Idempotency-Key was used before, for another request.',
  },
  expired: {
    httpStatus: 409,
    message: 'It was accepted too long ago to become an action. Create it anew.',
  },
  preconditionFailed: {
    httpStatus: 412,
    message: 'The action has changed since: its ETag is another one.',
  },
  cannotCancel: { httpStatus: 409, message: 'The action can no longer be cancelled.' },
  requestEntityTooLarge: { httpStatus: 413, message: 'The request body is too large.' },
  unsupportedMediaType: {
    httpStatus: 415,
    message: 'The request body must be application/json.',
  },
  failedDependency: {
    httpStatus: 424,
    message: 'A request of the batch that this one depends on failed.',
  },
  TooManyRequests: {
    httpStatus: 429,
    message: 'Too many requests. Retry after the given time.',
  },
  requestHeaderFieldsTooLarge: {
    httpStatus: 431,
    message: 'The headers of the request are too large.',
  },
  generalException: { httpStatus: 500, message: 'An unexpected error occurred.' },
  serviceNotAvailable: {
    httpStatus: 503,
    message: 'The service is temporarily not available. Retry after the given time.',
  },
  notYetVisible: {
    httpStatus: 503,
    message:
      'What was accepted before this request is not visible yet. Retry after the given time.',
  },
} as const satisfies Record<string, { httpStatus: number; message: string }>;

export type ApiErrorCode = keyof typeof API_ERRORS;

/** One fault among several: what was wrong and where, as a path such as `parameters[2].name`. */
export interface ErrorDetail {
  code: ApiErrorCode;
  message: string;
  target?: string;
}

/** The one error type that reaches a caller; the HTTP filter turns it into Graph's envelope. */
export class ApiError extends Error {
  readonly code: ApiErrorCode;
  readonly target?: string;
  readonly details?: ErrorDetail[];
  /** Seconds after which a repeat makes sense; 429 apart at most 10, so that SDKs retry by themselves. */
  readonly retryAfterSeconds?: number;

  constructor(
    code: ApiErrorCode,
    message: string = API_ERRORS[code].message,
    extra: { target?: string; details?: ErrorDetail[]; retryAfterSeconds?: number } = {},
  ) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    Object.assign(this, extra);
  }

  get httpStatus(): number {
    return API_ERRORS[this.code].httpStatus;
  }
}

/**
 * `errorInfo.code` of an action that ended Failed; 2 is left out on purpose, 0 stands in the history for an attempt
 * that another follows. `subcode` is the HTTP status of the provider, or 0.
 */
export const FAILURE_CODES = {
  cancelled: 1,
  outcomeUnknown: 3,
  providerRejected: 4,
  retriesExhausted: 5,
  expired: 6,
  superseded: 7,
  invalidRequest: 8,
} as const;
