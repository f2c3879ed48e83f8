import { API_ERRORS, ApiError, type ApiErrorCode } from '#domain/errors';
import { errorEnvelope } from '../http/error-filter.ts';
import { type Answer, type Exchange, JSON_TYPE, type Operation } from './operation.ts';
import { COMMON_HEADERS, type HeaderName, reference } from './parameters.ts';
import { schemaReference } from './schemas.ts';

/** What any request can get. */
const ERRORS_OF_ALL: ApiErrorCode[] = [
  'invalidRequest',
  'requestTimeout',
  'requestHeaderFieldsTooLarge',
  'generalException',
  'serviceNotAvailable',
];
const ERRORS_WITH_TOKEN: ApiErrorCode[] = [
  'InvalidAuthenticationToken',
  'Authorization_RequestDenied',
  'TooManyRequests',
];
const ERRORS_WITH_BODY: ApiErrorCode[] = ['requestEntityTooLarge', 'unsupportedMediaType'];

const HEADERS_BY_STATUS: Record<number, HeaderName[]> = {
  401: ['WWW-Authenticate'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};

/** Every answer of an operation, errors included, each with its examples. */
export function responsesOf(operation: Operation, links: object): Record<string, object> {
  const examples = Object.entries(operation.examples ?? {});
  const answers = Object.entries(operation.answers).map(([status, answer]) => [
    status,
    {
      ...responseOf(answer, examplesOf(examples, Number(status))),
      ...(answer.linksById && { links }),
    },
  ]);
  const errors = [...Map.groupBy(errorsOf(operation), statusOf)].map(([status, codes]) => [
    String(status),
    errorResponse(status, codes, examplesOf(examples, status)),
  ]);
  // An answer may be of the status of an error: `/readyz` says by 503 what is down.
  return Object.fromEntries([...errors, ...answers]) as Record<string, object>;
}

/** An error as a client gets it; of ids and time only the form is real. */
export function envelopeOf(error: ApiError) {
  const requestId = '6f1c0c4e-1f5b-4b0e-9c39-0d4b6f0a2a11';
  const { error: body } = errorEnvelope(error, { requestId, clientRequestId: null });
  return { error: { ...body, innerError: { ...body.innerError, date: '2026-01-31T12:00:00' } } };
}

function statusOfExchange({ answer }: Exchange): number {
  return answer instanceof ApiError ? answer.httpStatus : answer.status;
}

function errorsOf(operation: Operation): ApiErrorCode[] {
  return [
    ...ERRORS_OF_ALL,
    ...(operation.access === 'public' ? [] : ERRORS_WITH_TOKEN),
    ...(operation.body ? ERRORS_WITH_BODY : []),
    ...(operation.errors ?? []),
  ];
}

function statusOf(code: ApiErrorCode): number {
  return API_ERRORS[code].httpStatus;
}

function examplesOf(examples: [string, Exchange][], status: number): Record<string, object> {
  const fitting = examples
    .filter(([, exchange]) => statusOfExchange(exchange) === status)
    .flatMap(([name, { summary, answer }]) => {
      const value = answer instanceof ApiError ? envelopeOf(answer) : answer.body;
      return value === undefined ? [] : [[name, { summary, value }]];
    });
  return Object.fromEntries(fitting) as Record<string, object>;
}

function responseOf(
  { description, content, headers }: Answer,
  examples: Record<string, object>,
): object {
  return {
    description,
    headers: headersOf(headers),
    ...(content && {
      content: { [content.type]: { schema: schemaReference(content.schema), ...shown(examples) } },
    }),
  };
}

function errorResponse(
  status: number,
  codes: ApiErrorCode[],
  examples: Record<string, object>,
): object {
  // What no example of the operation shows is shown by its usual message.
  const usual = codes.map((code) => [code, { value: envelopeOf(new ApiError(code)) }]);
  return {
    description: codes.map((code) => `\`${code}\`: ${API_ERRORS[code].message}`).join(' '),
    headers: headersOf(HEADERS_BY_STATUS[status]),
    content: {
      [JSON_TYPE]: {
        schema: schemaReference('ODataError'),
        ...shown({ ...Object.fromEntries(usual), ...examples }),
      },
    },
  };
}

function shown(examples: Record<string, object>): object {
  return Object.keys(examples).length > 0 ? { examples } : {};
}

function headersOf(names: readonly HeaderName[] = []): Record<string, object> {
  return Object.fromEntries(
    [...COMMON_HEADERS, ...names].map((name) => [name, reference('headers', name)]),
  );
}
