import { FAILURE_CODES } from '#domain/errors';
import type { ResultInfo } from '#domain/security-action';
import type { Claim } from '#database/claim.queries';
import type { Settlement } from '#database/settle.queries';
import type { ProviderEntry } from '#providers/catalogue';
import type { Remark } from '#providers/provider';

/*
 * What can be decided about an action, in the words of a settlement; who decides which is in settlement-of.ts and
 * settlement-of-finding.ts.
 */

const MESSAGE_LENGTH_MAX = 1000;
/** A provider may ask for any pause; beyond a day nobody would know that the action still waits. */
const RETRY_IN_MS_MAX = 86_400_000;

/** A settlement without the claim it settles. */
export type Verdict = Settlement extends infer S
  ? S extends Settlement
    ? Omit<S, 'azureTenantId' | 'actionId' | 'attemptId' | 'targetKey'>
    : never
  : never;

export function settlement(
  { azureTenantId, actionId, attemptId, targetKey }: Claim,
  verdict: Verdict,
): Settlement {
  return { azureTenantId, actionId, attemptId, targetKey, ...verdict };
}

/** Another call, or a question, follows. */
export function again(
  remark: Remark,
  follow: { next: 'call' | 'probe'; mayHaveActed: boolean; dueInMs: number },
): Verdict {
  const errorInfo = sanitized({ code: 0, message: remark.reason, subcode: remark.subcode ?? 0 });
  const dueInMs = bounded(follow.dueInMs);
  return { type: 'attemptFailed', errorInfo, ...follow, dueInMs };
}

/** The end of an action that has had and will have no effect. */
export function cancelled(): Verdict {
  const errorInfo = { code: FAILURE_CODES.cancelled, message: 'Cancelled.', subcode: 0 };
  return { type: 'cancelled', errorInfo };
}

/** Nobody can tell. */
export function unknown({ attempt }: Claim, remark: Remark): Verdict {
  const reason = `Outcome unknown: the provider may have acted (attempt ${attempt}: ${remark.reason}).`;
  return failed('outcomeUnknown', { ...remark, reason });
}

export function failed(code: keyof typeof FAILURE_CODES, { reason, subcode = 0 }: Remark): Verdict {
  const errorInfo = sanitized({ code: FAILURE_CODES[code], message: reason, subcode });
  return { type: 'failed', errorInfo };
}

/** The code is ours: one that a provider made up could be taken for "cancelled" or "unknown". */
export function rejected(errorInfo: ResultInfo | null): Verdict {
  const { message = null, subcode = 0 } = errorInfo ?? {};
  const code = FAILURE_CODES.providerRejected;
  return { type: 'failed', errorInfo: sanitized({ code, message, subcode }) };
}

/** Exponential in the number of tries so far. */
export function backoffMs(tries: number, { retry }: ProviderEntry): number {
  const exponent = clamp(tries - 1, 0, 30);
  return jittered(Math.min(retry.backoffMsMax, retry.backoffMs * 2 ** exponent));
}

/** The pause that a provider asks for. Without a least one, "at once" would be a loop of calls without a pause. */
export function askedPauseMs({ retry }: ProviderEntry, retryAfterMs?: number): number | undefined {
  return retryAfterMs === undefined ? undefined : Math.max(retryAfterMs, retry.backoffMs);
}

/** So that what failed together does not come back together. */
function jittered(pauseMs: number): number {
  return Math.round(pauseMs * (0.5 + Math.random() / 2));
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), Math.max(min, max));
}

function bounded(pauseMs: number): number {
  return Number.isFinite(pauseMs)
    ? clamp(Math.round(pauseMs), 0, RETRY_IN_MS_MAX)
    : RETRY_IN_MS_MAX;
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

/**
 * What follows when its provider could not be asked: it waits, and uses up nothing. The longer the provider has been away,
 * the longer the pause: exponential without a count of tries.
 * @returns undefined once it has waited for its `queueTimeoutMs`
 */
export function whileUnavailable(
  { unavailableMs }: Claim,
  entry: ProviderEntry,
  retryAfterMs?: number,
): Verdict | undefined {
  const { queueTimeoutMs, retry } = entry;
  const waitedMs = unavailableMs ?? 0;
  if (waitedMs >= queueTimeoutMs) return undefined;
  const pauseMs =
    askedPauseMs(entry, retryAfterMs) ??
    jittered(clamp(waitedMs / 2, retry.backoffMs, retry.backoffMsMax));
  return { type: 'postponed', unavailable: true, dueInMs: bounded(pauseMs) };
}
