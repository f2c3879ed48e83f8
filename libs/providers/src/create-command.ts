import type { Caller } from '#domain/caller';
import type { CreateCommand } from '#domain/command';
import { type CreateRequest, refusePastTimer } from '#domain/create-request';
import { type Repeatability, resendKey } from '#domain/idempotency';
import { isoText } from '#domain/iso-text';
import type { Catalogue } from './catalogue.ts';
import { resolveAction, targetKey } from './resolve.ts';

/** A create as it came in, by whichever door. */
export interface ReceivedCreate extends Repeatability {
  caller: Caller;
  request: CreateRequest;
  /** The client says that it sent this before (`Retry-Attempt`). */
  isResend: boolean;
  /** The id it gets: that of its idempotency key, if it has one. */
  id: string;
  /** When it was accepted; the same each time it is read anew. */
  acceptedAt: Date;
}

/**
 * Checks a create against the catalogue and makes the command that the ingest stores and the engine runs.
 * @throws ApiError for what cannot be an action, saying what would be right
 */
export function createCommand(catalogue: Catalogue, received: ReceivedCreate): CreateCommand {
  const { caller, request, clientRequestId, idempotencyKey, isResend, id } = received;
  refusePastTimer(request, received.acceptedAt);
  const resolution = resolveAction(catalogue, request);
  return {
    schemaVersion: 1,
    acceptedDateTime: isoText(received.acceptedAt),
    caller,
    clientRequestId,
    idempotencyKey,
    isResend: isResend && idempotencyKey === null,
    provider: resolution.provider,
    targetKey: targetKey(caller.tenantId, resolution),
    // Settled by its key: one that no other create has.
    resendKey: idempotencyKey === null ? resendKey(caller, clientRequestId, request) : id,
    action: { id, ...request },
  };
}
