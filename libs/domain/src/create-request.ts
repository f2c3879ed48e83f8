import { z } from 'zod';
import { ApiError, type ErrorDetail } from './errors.ts';
import { MUST_BE_AHEAD, isAhead, momentSchema, revertAfterSchema } from './revert.ts';
import {
  DECLARED_PROPERTIES,
  type KeyValuePair,
  type VendorInformation,
} from './security-action.ts';
import { parseStatus } from './status.ts';

/** In UTF-16 code units: as many as BODY_BYTES_MAX has bytes by default. A higher one allows no longer text. */
const TEXT_LENGTH_MAX = 65_536;
const PARAMETERS_MAX = 100;
const OPEN_PROPERTIES_MAX = 50;
const OPEN_PROPERTY_DEPTH_MAX = 16;
/**
 * Postgres gives numbers of a jsonb back with all their zeros: at 300 of them a body of 64 KiB would be 3 MiB at every read.
 * Powers of ten, up and down; enough for anything that is counted or measured.
 */
const NUMBER_EXPONENT_MAX = 30;

/** Names we compute or will give a meaning: never stored from a request. */
const COMPUTED_PROPERTIES = [
  'waitingFor',
  'reportedAfterwards',
  'revertsActionId',
  'revertedByActionId',
];
/** Ours, with a meaning: read by the schema, not kept as they came. */
const TIMER_PROPERTIES = ['revertDateTime', 'revertAfter'];

/** Text that JSON, Kafka and Postgres can all carry. */
export const storableText = (lengthMax: number) =>
  z.string().max(lengthMax).refine(isStorable, 'must not contain U+0000 or an unpaired surrogate');
const optionalText = (lengthMax: number) =>
  storableText(lengthMax)
    .nullish()
    .transform((text) => text ?? null);
const ignoredText = storableText(TEXT_LENGTH_MAX).nullish();
const ignoredNumber = z.int32().nullish();
const ignoredDateTime = z.iso
  .datetime({ offset: true, error: 'must be an ISO 8601 date and time with an offset, or null' })
  .nullish();

/** `@odata.type` of a value: absent, or the type itself, with or without the `#` (clients send both). */
export const odataType = (name: string) =>
  z.enum([`#microsoft.graph.${name}`, `microsoft.graph.${name}`]).optional();

const ignoredStatus = z
  .string()
  .refine(
    (status) => parseStatus(status) !== undefined,
    'must be NotStarted, Running, Completed or Failed',
  )
  .describe('NotStarted, Running, Completed or Failed, in any case; then ignored.')
  .nullish();
const ignoredErrorInfo = z
  .strictObject({
    '@odata.type': odataType('resultInfo'),
    code: ignoredNumber,
    message: ignoredText,
    subcode: ignoredNumber,
  })
  .nullish();
const ignoredState = z.strictObject({
  '@odata.type': odataType('securityActionState'),
  appId: ignoredText,
  status: ignoredStatus,
  updatedDateTime: ignoredDateTime,
  user: ignoredText,
});

const parameterSchema = z.strictObject({
  '@odata.type': odataType('keyValuePair'),
  name: storableText(256).min(1),
  value: optionalText(TEXT_LENGTH_MAX),
});

const vendorSchema = z.strictObject({
  '@odata.type': odataType('securityVendorInformation'),
  provider: optionalText(256),
  providerVersion: optionalText(256),
  subProvider: optionalText(256),
  vendor: optionalText(256),
});

/**
 * The body of a create. What the service sets by itself (id, status, times, caller …) is checked and then
 * ignored: clients that send a whole resource back keep working, and nonsense is still named.
 */
export const createRequestSchema = z.looseObject({
  '@odata.type': odataType('securityAction'),
  name: storableText(256).min(1).describe('What to do: an action of the provider, in any case.'),
  parameters: z
    .array(parameterSchema)
    .max(PARAMETERS_MAX, `at most ${PARAMETERS_MAX} parameters`)
    .describe('What to do it to: the catalogue says which parameters an action takes.'),
  vendorInformation: vendorSchema.describe('Which provider is to act, by a name of the catalogue.'),
  actionReason: optionalText(TEXT_LENGTH_MAX),
  clientContext: optionalText(256).describe('A text of your own, kept with the action.'),
  revertDateTime: momentSchema
    .nullish()
    .describe('When it is to be undone, by the `revert` that the catalogue has for it.'),
  revertAfter: revertAfterSchema
    .nullish()
    .describe('The same as an ISO 8601 duration, counted from completedDateTime.'),
  id: ignoredText,
  appId: ignoredText,
  azureTenantId: ignoredText,
  user: ignoredText,
  createdDateTime: ignoredDateTime,
  lastActionDateTime: ignoredDateTime,
  completedDateTime: ignoredDateTime,
  status: ignoredStatus,
  errorInfo: ignoredErrorInfo,
  states: z.array(ignoredState).nullish(),
});

/** What of a create body matters: the client's own properties, and the open ones beside them. */
export interface CreateRequest {
  name: string;
  parameters: KeyValuePair[];
  vendorInformation: VendorInformation;
  actionReason: string | null;
  clientContext: string | null;
  properties: Record<string, unknown>;
  /** When to undo it: one of the two, or neither. */
  revertDateTime: string | null;
  revertAfter: string | null;
}

/**
 * Checks a create body, all but whether its timer is ahead: what it says is the same whenever it is read.
 * @throws ApiError `invalidRequest` with every fault in `details` and the first as message and target.
 */
export function parseCreateRequest(body: unknown): CreateRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ApiError('invalidRequest', 'The body must be a JSON object: a securityAction.');
  }
  refuseWrapped(body);
  const parsed = createRequestSchema.safeParse(body, { error: sayRequired });
  const properties = openPropertiesOf(body);
  const faults = [
    ...(parsed.error?.issues.flatMap(faultsOf) ?? []),
    ...faultsOfOpenProperties(properties),
    ...faultsOfTimer(body),
  ];
  if (!parsed.success || faults.length > 0) throw invalidRequest(faults);
  const { parameters, vendorInformation, ...request } = parsed.data;
  const { provider, providerVersion, subProvider, vendor } = vendorInformation;
  return {
    name: request.name,
    parameters: parameters.map(({ name, value }) => ({ name, value })),
    vendorInformation: { provider, providerVersion, subProvider, vendor },
    actionReason: request.actionReason,
    clientContext: request.clientContext,
    properties,
    revertDateTime: request.revertDateTime ?? null,
    revertAfter: request.revertAfter ?? null,
  };
}

/** Whether a moment that a create names for its revert is ahead; so it is if it names none. */
export function isTimerAhead({ revertDateTime }: CreateRequest, at: Date): boolean {
  return revertDateTime === null || isAhead(revertDateTime, at);
}

/**
 * A new action's timer must be ahead. One that there is already may have been undone since.
 * @param at when it was sent: what it says of the future was said then, however late that is read
 * @throws ApiError `invalidRequest`
 */
export function refusePastTimer(request: CreateRequest, at: Date): void {
  if (isTimerAhead(request, at)) return;
  throw invalidRequest([
    { code: 'invalidRequest', target: 'revertDateTime', message: MUST_BE_AHEAD },
  ]);
}

/** An early sample of Microsoft's posts the action within another object, which an open type would take for one property. */
function refuseWrapped(body: object): void {
  const required = ['name', 'parameters', 'vendorInformation'];
  const { securityAction } = body as { securityAction?: unknown };
  if (typeof securityAction !== 'object' || required.some((name) => name in body)) return;
  throw new ApiError(
    'invalidRequest',
    "securityAction: the body is the action itself; send what is in 'securityAction' as the body",
    { target: 'securityAction' },
  );
}

/** @throws nothing; the error for one or more faults, the first one up front. */
export function invalidRequest(faults: ErrorDetail[]): ApiError {
  const first = faults[0];
  const message = first?.target ? `${first.target}: ${first.message}` : first?.message;
  return new ApiError(first?.code ?? 'invalidRequest', message, {
    ...(first?.target && { target: first.target }),
    ...(faults.length > 1 && { details: faults.slice(0, 20) }),
  });
}

/** Everything at the root that Graph does not declare. Annotations (`@…`) steer a client, not us. */
function openPropertiesOf(body: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body).filter(
      ([name]) =>
        !DECLARED_PROPERTIES.includes(name) &&
        !COMPUTED_PROPERTIES.includes(name) &&
        !TIMER_PROPERTIES.includes(name) &&
        !name.includes('@'),
    ),
  );
}

function faultsOfOpenProperties(properties: Record<string, unknown>): ErrorDetail[] {
  const faults: ErrorDetail[] = [];
  const refuse = (target: string, message: string) =>
    faults.push({ code: 'invalidRequest', target, message });
  const names = Object.keys(properties);
  if (names.length > OPEN_PROPERTIES_MAX) {
    refuse(names[OPEN_PROPERTIES_MAX]!, `at most ${OPEN_PROPERTIES_MAX} undeclared properties`);
    return faults;
  }
  for (const [name, value] of Object.entries(properties)) {
    if (!isStorableDeep([name, value], OPEN_PROPERTY_DEPTH_MAX)) {
      refuse(
        isStorable(name) ? name : 'an undeclared property',
        `must not contain U+0000 or an unpaired surrogate, nor nest deeper than ${OPEN_PROPERTY_DEPTH_MAX}`,
      );
      continue;
    }
    const path = pathOfLongNumber(value);
    if (path) {
      refuse(
        pathOf([name, ...path]),
        `must be 0 or a number from 1e-${NUMBER_EXPONENT_MAX} to 1e${NUMBER_EXPONENT_MAX} in size; send any other as a text`,
      );
    }
  }
  return faults;
}

function faultsOfTimer({
  revertDateTime,
  revertAfter,
}: {
  revertDateTime?: unknown;
  revertAfter?: unknown;
}): ErrorDetail[] {
  if (revertDateTime == null || revertAfter == null) return [];
  const message = 'must not be given beside revertDateTime: one of the two';
  return [{ code: 'invalidRequest', target: 'revertAfter', message }];
}

function isStorableDeep(value: unknown, depthLeft: number): boolean {
  if (typeof value === 'string') return isStorable(value);
  if (typeof value !== 'object' || value === null) return true;
  if (depthLeft === 0) return false;
  return Object.entries(value).every(
    ([name, part]) => isStorable(name) && isStorableDeep(part, depthLeft - 1),
  );
}

/** Where in it the first number is that would be too long when it is written out; undefined if none is. */
function pathOfLongNumber(value: unknown): PropertyKey[] | undefined {
  if (typeof value === 'number') return isLongNumber(value) ? [] : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, part] of Object.entries(value)) {
    const path = pathOfLongNumber(part);
    if (path) return [Array.isArray(value) ? Number(name) : name, ...path];
  }
  return undefined;
}

/** Also what is beyond a double, of which JSON would make null. */
function isLongNumber(value: number): boolean {
  const size = Math.abs(value);
  return (
    size > Number(`1e${NUMBER_EXPONENT_MAX}`) ||
    (size < Number(`1e-${NUMBER_EXPONENT_MAX}`) && size !== 0)
  );
}

/** What a client is told of one fault that a schema found: where it is, and what would be right. */
export function faultsOf(issue: z.core.$ZodIssue): ErrorDetail[] {
  const target = pathOf(issue.path);
  const fault = (where: string, message: string): ErrorDetail => ({
    code: 'invalidRequest',
    message,
    ...(where && { target: where }),
  });
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => fault(pathOf([...issue.path, key]), 'no such property'));
  }
  return [fault(target, lowerFirst(issue.message))];
}

/** The message for what is not there at all, as the `error` of `safeParse`. */
export function sayRequired(issue: z.core.$ZodRawIssue): string | undefined {
  return issue.code === 'invalid_type' && issue.input === undefined ? 'is required' : undefined;
}

/** Postgres refuses U+0000 and unpaired surrogates, so they must not get as far as Kafka. */
function isStorable(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed();
}

/** `['parameters', 2, 'name']` → `parameters[2].name`. */
function pathOf(path: PropertyKey[]): string {
  return path
    .map((step, index) =>
      typeof step === 'number' ? `[${step}]` : `${index > 0 ? '.' : ''}${String(step)}`,
    )
    .join('');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
