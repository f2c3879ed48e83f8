import type { Caller } from '#domain/caller';
import { clientRequestIdIn } from '#domain/client-request-id';
import type { CreateCommand } from '#domain/command';
import { parseCreateRequest } from '#domain/create-request';
import { ApiError } from '#domain/errors';
import { keyedActionId, parseIdempotencyKey } from '#domain/idempotency';
import { type MessageOrigin, requestActionId } from '#domain/ids';
import { jsonValue } from '#domain/json-value';
import type { Catalogue } from './catalogue.ts';
import { type ReceivedCreate, createCommand } from './create-command.ts';

const IDEMPOTENCY_KEY = 'idempotency-key';

/** A message of the requests topic, whose sender is known. */
export interface ReceivedRequest {
  caller: Caller;
  origin: MessageOrigin & { clusterId: string };
  value: Buffer | null;
  /** A header by its name in lower case; how it is spelled does not count. */
  header: (name: string) => string | undefined;
  acceptedAt: Date;
  /** What the value may have at most. */
  bytesMax: number;
}

/**
 * Reads a message of the requests topic, by the rules of a create on HTTP: the same create, of the same id, each time that it is
 * read, or replayed, whatever the time and the catalogue. What the client says of resending counts on HTTP alone: a
 * Kafka client that sends again has no answer yet, and two messages are two actions unless they share an idempotency key.
 * @throws ApiError that says what is wrong, and repeats no value of a parameter
 */
export function readRequest(received: ReceivedRequest): ReceivedCreate {
  const { caller, origin, value, header, acceptedAt, bytesMax } = received;
  const body = jsonValue(value, bytesMax);
  refuseOtherTenant(body, caller);
  const idempotencyKey = parseIdempotencyKey(header(IDEMPOTENCY_KEY), IDEMPOTENCY_KEY);
  const request = parseCreateRequest(body);
  return {
    caller,
    request,
    clientRequestId: clientRequestIdIn(header('client-request-id')),
    idempotencyKey,
    isResend: false,
    id:
      idempotencyKey === null
        ? // There is a value: jsonValue refuses a message without.
          requestActionId(caller.tenantId, origin, value!)
        : keyedActionId(caller, idempotencyKey, request),
    acceptedAt,
  };
}

/**
 * The command of a request.
 * @throws ApiError as `createCommand`
 */
export function requestCommand(catalogue: Catalogue, received: ReceivedCreate): CreateCommand {
  const command = createCommand(catalogue, received);
  // One that no other create has: else a resend over HTTP of the same body could be taken for it, or it for that one.
  return { ...command, resendKey: command.action.id };
}

/**
 * On HTTP the tenant of a body is ignored, as clients send back whole resources that they have read. Who produces for
 * several tenants and takes the wrong token would not hear of it here, and the action would be in the wrong one.
 */
function refuseOtherTenant(body: unknown, { tenantId }: Caller): void {
  if (typeof body !== 'object' || body === null || !('azureTenantId' in body)) return;
  const { azureTenantId } = body;
  if (typeof azureTenantId !== 'string') return;
  if (azureTenantId.toLowerCase() === tenantId.toLowerCase()) return;
  throw new ApiError(
    'Authorization_RequestDenied',
    "azureTenantId: is another tenant than the caller's; leave it out, or send the token of that tenant",
    { target: 'azureTenantId' },
  );
}
