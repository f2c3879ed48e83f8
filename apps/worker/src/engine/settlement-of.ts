import { FAILURE_CODES } from '#domain/errors';
import type { ResultInfo } from '#domain/security-action';
import type { Claim } from '#database/claim.queries';
import type { Settlement } from '#database/settle.queries';
import type { ProviderEntry } from '#providers/catalogue';
import type { Outcome } from '#providers/provider';

const MESSAGE_LENGTH_MAX = 1000;
const RETRY_IN_MS_MAX = 86_400_000;

/**
 * What an outcome means for the action: the table of docs/architecture.md in code. The rule behind it: an action is
 * only called Completed, or failed without effect, when that is known; else it is called unknown.
 */
export function settlementOf(claim: Claim, entry: ProviderEntry, outcome: Outcome): Settlement {
  const { azureTenantId, actionId, attemptId } = claim;
  const reference = { azureTenantId, actionId, attemptId };
  const failed = (code: number, message: string): Settlement => ({
    ...reference,
    type: 'failed',
    errorInfo: errorInfo(code, message),
  });
  const again = (mayHaveActed: boolean, reason: string, retryInMs: number): Settlement => ({
    ...reference,
    type: 'attemptFailed',
    errorInfo: errorInfo(0, reason),
    retryInMs: bounded(retryInMs),
    mayHaveActed,
  });
  const attemptsLeft = claim.attempt < entry.retry.attemptsMax;
  switch (outcome.kind) {
    case 'completed':
      return { ...reference, type: 'completed' };
    case 'failed':
      // The code is ours: one that a provider made up could be taken for "cancelled" or "unknown".
      return {
        ...reference,
        type: 'failed',
        errorInfo: sanitized({ ...outcome.errorInfo, code: FAILURE_CODES.providerRejected }),
      };
    case 'notDone':
      if (attemptsLeft)
        return again(false, outcome.reason, outcome.retryAfterMs ?? backoffMs(claim, entry));
      return claim.mayHaveActed
        ? failed(FAILURE_CODES.outcomeUnknown, unknownAfter(claim, outcome.reason))
        : failed(
            FAILURE_CODES.retriesExhausted,
            `Not done in ${claim.attempt} attempts: ${outcome.reason}`,
          );
    case 'mayHaveActed':
      if (entry.capabilities.idempotent && attemptsLeft) {
        return again(true, outcome.reason, backoffMs(claim, entry));
      }
      return failed(FAILURE_CODES.outcomeUnknown, unknownAfter(claim, outcome.reason));
  }
}

/** A provider may ask for any pause; beyond a day nobody would know that the action still waits. */
function bounded(retryInMs: number): number {
  return Number.isFinite(retryInMs)
    ? Math.min(Math.max(0, Math.round(retryInMs)), RETRY_IN_MS_MAX)
    : RETRY_IN_MS_MAX;
}

/** Exponential, with jitter so that what failed together does not come back together. */
function backoffMs({ attempt }: Claim, { retry }: ProviderEntry): number {
  const ceilingMs = Math.min(retry.backoffMsMax, retry.backoffMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(ceilingMs * (0.5 + Math.random() / 2));
}

function unknownAfter({ attempt }: Claim, reason: string): string {
  return `Outcome unknown: the provider may have acted (attempt ${attempt}: ${reason}).`;
}

function errorInfo(code: number, message: string): ResultInfo {
  return sanitized({ code, message, subcode: 0 });
}

/** A provider's words go into Postgres and to clients: bounded, and without what Postgres refuses. */
function sanitized({ code, message, subcode }: ResultInfo): ResultInfo {
  return {
    code,
    message:
      message && message.slice(0, MESSAGE_LENGTH_MAX).replaceAll('\u0000', '').toWellFormed(),
    subcode,
  };
}
