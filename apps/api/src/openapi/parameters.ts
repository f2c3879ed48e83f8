import { QUERY_LIMITS } from '#domain/list-query';
import { ENCODINGS_READ } from '../http/body-parser.ts';

/** A parameter of a request as OpenAPI has it. */
export interface Parameter {
  name: string;
  in: 'query' | 'header' | 'path';
  required: boolean;
  description: string;
  schema: object;
}

const text = { type: 'string' };

/** Every option is the same without `$`; one that is given both ways is refused, so each stands here once. */
const option = (name: string, description: string, schema: object = text): Parameter => ({
  name: `$${name}`,
  in: 'query',
  required: false,
  description: `${description} Also without the \`$\`: \`${name}\`.`,
  schema,
});

const header = (name: string, description: string, schema: object = text): Parameter => ({
  name,
  in: 'header',
  required: false,
  description,
  schema,
});

const { filterLengthMax, orderStepsMax, selectNamesMax, skipMax } = QUERY_LIMITS;

/** What requests can carry beside a body. */
export const PARAMETERS = {
  id: {
    name: 'id',
    in: 'path',
    required: true,
    description:
      "The action's id. The key may also stand in parentheses: `securityActions('{id}')`.",
    schema: text,
  },
  holdId: {
    name: 'holdId',
    in: 'path',
    required: true,
    description: "The hold's id, as `waitingFor` of an action names it after `hold:`.",
    schema: text,
  },
  deadLetterId: {
    name: 'deadLetterId',
    in: 'path',
    required: true,
    description: "The letter's id.",
    schema: text,
  },
  filter: option(
    'filter',
    `Which actions: \`eq ne gt ge lt le in and or not ( )\`, \`startswith endswith contains\`, \`tolower toupper\`, \`any\` and \`all\` over \`parameters\` and \`states\`. At most ${filterLengthMax} characters.`,
    { ...text, maxLength: filterLengthMax },
  ),
  orderby: option(
    'orderby',
    `Properties, each with \`asc\` or \`desc\`, separated by commas; at most ${orderStepsMax}. Default: newest first.`,
  ),
  select: option(
    'select',
    `Properties to show, separated by commas; at most ${selectNamesMax}. \`*\` is all of them.`,
  ),
  top: option(
    'top',
    'Items a page. A larger one than the service allows is lowered to what it allows.',
    { type: 'integer', minimum: 0, maximum: 999_999_999 },
  ),
  skip: option('skip', 'Actions to leave out at the beginning.', {
    type: 'integer',
    minimum: 0,
    maximum: skipMax,
  }),
  count: option('count', 'Whether the answer carries `@odata.count`.', {
    type: 'string',
    enum: ['true', 'false'],
  }),
  standing: option('filter', 'Which holds: those that stand, or those that were released.', {
    ...text,
    enum: ['releasedDateTime eq null', 'releasedDateTime ne null'],
  }),
  letters: option(
    'filter',
    "Which letters: `state eq 'open'`, `code eq 'unknownProvider'`, `azureTenantId eq '…'` (or null), `origin/topic eq 'requests'`, `createdDateTime ge …`, `createdDateTime lt …`, joined by `and`.",
  ),
  skiptoken: option('skiptoken', 'Where to go on, as an `@odata.nextLink` says it: opaque.'),
  format: option('format', 'There is one format.', { type: 'string', enum: ['json'] }),
  clientRequestId: header(
    'client-request-id',
    'Repeated in the answer and in the log. 1 to 255 visible ASCII characters; another one is ignored.',
  ),
  contentEncoding: header('Content-Encoding', 'How the body is compressed.', {
    ...text,
    enum: ENCODINGS_READ,
  }),
  prefer: header('Prefer', '`return=minimal`: answer 204 without a body.'),
  idempotencyKey: header(
    'Idempotency-Key',
    'Chosen by the client, new for each action: a create that is sent again under the same key makes no second one.',
    { ...text, pattern: '^[!-~]{1,255}$' },
  ),
  retryAttempt: header(
    'Retry-Attempt',
    'Which repetition of the same request this is, as SDKs say it. From 1 on: if the first sending was accepted, this one makes no second action. What is no such number counts for nothing.',
  ),
  ifMatch: header(
    'If-Match',
    'Only if the action is still at this ETag, or at one of several; else 412.',
  ),
  ifNoneMatch: header('If-None-Match', '304 without a body if the action is still at this ETag.'),
  tenantId: header(
    'x-tenant-id',
    'The tenant of the action, for a reporter of another tenant that the catalogue allows to report.',
  ),
} as const satisfies Record<string, Parameter>;

export type ParameterName = keyof typeof PARAMETERS;

const answerHeader = (description: string, required = false, schema: object = text) => ({
  description,
  required,
  schema,
});

/** What answers can carry beside a body. */
export const HEADERS = {
  'request-id': answerHeader('Ours: search the log for it.', true, { ...text, format: 'uuid' }),
  'client-request-id': answerHeader("The client's own id, else ours again.", true),
  'OData-Version': answerHeader('Always 4.0.', true, { ...text, const: '4.0' }),
  'Cache-Control': answerHeader('`no-cache`: ask again each time.', true),
  Vary: answerHeader('What a cache must compare before it shows the answer again.', true),
  'Strict-Transport-Security': answerHeader('Over HTTPS.'),
  Allow: answerHeader('The methods that the path has.', true),
  ETag: answerHeader('The version of the action, for If-Match and If-None-Match.', true),
  Location: answerHeader('The address of what was made.', true, { ...text, format: 'uri' }),
  'OData-EntityId': answerHeader('The same address, when there is no body.', false, {
    ...text,
    format: 'uri',
  }),
  'Preference-Applied': answerHeader('Which preference of `Prefer` was followed.'),
  'Retry-After': answerHeader('Seconds after which to send the request again.', true, {
    type: 'integer',
    minimum: 0,
  }),
  'WWW-Authenticate': answerHeader('Where tokens come from.', true),
  'Idempotency-Replayed': answerHeader(
    'The Idempotency-Key was there before: this is the action as it stands, and nothing was created.',
    false,
    { ...text, const: 'true' },
  ),
  'cancel-outcome': answerHeader(
    'What the cancel did; absent when it had been cancelled before.',
    false,
    {
      ...text,
      enum: ['prevented', 'accepted'],
    },
  ),
} as const;

export type HeaderName = keyof typeof HEADERS;

/** Of every answer, errors included. */
export const COMMON_HEADERS = [
  'request-id',
  'client-request-id',
  'OData-Version',
  'Cache-Control',
  'Vary',
  'Strict-Transport-Security',
] as const satisfies HeaderName[];

export function reference<Kind extends 'headers' | 'parameters'>(kind: Kind, name: string) {
  return { $ref: `#/components/${kind}/${name}` };
}
