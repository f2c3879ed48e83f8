import type { Caller } from './caller.ts';
import type { CreateRequest } from './create-request.ts';
import { ApiError } from './errors.ts';
import { deriveId } from './ids.ts';

/** What a header can carry anywhere without being changed on the way. */
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** What a client says about a create beside its body, and how that makes two creates one. */
export interface Repeatability {
  clientRequestId: string | null;
  /** Chosen by the client: the same key and body again is the same create. */
  idempotencyKey: string | null;
}

/**
 * Reads an `Idempotency-Key`; null when there is none.
 * @param name how the header is called where it came from, for the error
 * @throws ApiError `invalidRequest`
 */
export function parseIdempotencyKey(value: string | undefined, name: string): string | null {
  if (value === undefined) return null;
  if (IDEMPOTENCY_KEY.test(value)) return value;
  throw new ApiError('invalidRequest', `${name}: must be 1 to 255 visible ASCII characters`, {
    target: name,
  });
}

/** Whether a client says, by its `Retry-Attempt`, that it has sent this before. */
export function saysResend(retryAttempt: string | undefined): boolean {
  return Number(retryAttempt) >= 1;
}

/** The id of a create with a key: the same for the same key and body, so that a repeat finds the same row. */
export function keyedActionId(
  { tenantId, appId }: Caller,
  idempotencyKey: string,
  request: CreateRequest,
): string {
  return deriveId(tenantId, appId, idempotencyKey, canonical(request));
}

/** Equal for creates that may be one create sent twice: SDKs resend after a lost connection. */
export function resendKey(
  { tenantId, appId }: Caller,
  clientRequestId: string | null,
  request: CreateRequest,
): string {
  return deriveId(tenantId, appId, clientRequestId ?? '', canonical(request));
}

/**
 * The request as JSON in which the order of properties does not count: a client may write them in any. Those that we know
 * are written down in order, as sorting them costs four times the rest.
 */
function canonical(request: CreateRequest): string {
  const { provider, providerVersion, subProvider, vendor } = request.vendorInformation;
  const inOrder: CreateRequest = {
    actionReason: request.actionReason,
    clientContext: request.clientContext,
    name: request.name,
    parameters: request.parameters.map(({ name, value }) => ({ name, value })),
    properties: sorted(request.properties) as Record<string, unknown>,
    revertAfter: request.revertAfter,
    revertDateTime: request.revertDateTime,
    vendorInformation: { provider, providerVersion, subProvider, vendor },
  };
  return JSON.stringify(inOrder);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]));
}
