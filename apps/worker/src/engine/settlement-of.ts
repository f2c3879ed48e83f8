import type { Claim } from '#database/claim.queries';
import type { Settlement } from '#database/settle.queries';
import { afterSilence } from '#providers/after-silence';
import { bearsRepeats } from '#providers/bears-repeats';
import type { ProviderEntry } from '#providers/catalogue';
import type { Outcome, Remark } from '#providers/provider';
import {
  type Verdict,
  again,
  askedPauseMs,
  backoffMs,
  failed,
  rejected,
  settlement,
  unknown,
  whileUnavailable,
} from './verdict.ts';

/**
 * What an outcome means for the action: the table of docs/architecture.md in code. The rule behind it: an action is
 * only called Completed, or failed without effect, when that is known; else it is asked for, or called unknown.
 */
export function settlementOf(claim: Claim, entry: ProviderEntry, outcome: Outcome): Settlement {
  return settlement(claim, verdictOf(claim, entry, outcome));
}

function verdictOf(claim: Claim, entry: ProviderEntry, outcome: Outcome): Verdict {
  switch (outcome.kind) {
    case 'completed':
      return { type: 'completed' };
    case 'failed':
      return verdictOfRefusal(claim, entry, outcome);
    case 'accepted':
      return { type: 'accepted', ...patienceOf(claim, entry) };
    case 'unavailable':
      return verdictOfUnavailable(claim, entry, outcome);
    case 'notDone':
      if (claim.attempt < entry.retry.attemptsMax) {
        const dueInMs =
          askedPauseMs(entry, outcome.retryAfterMs) ?? backoffMs(claim.attempt, entry);
        return again(outcome, { next: 'call', mayHaveActed: false, dueInMs });
      }
      if (claim.mayHaveActed) return uncertain(claim, entry, outcome);
      return failed('retriesExhausted', {
        ...outcome,
        reason: `Not done in ${claim.attempt} attempts: ${outcome.reason}`,
      });
    case 'mayHaveActed':
      if (bearsRepeats(entry) && claim.attempt < entry.retry.attemptsMax) {
        const dueInMs = backoffMs(claim.attempt, entry);
        return again(outcome, { next: 'call', mayHaveActed: true, dueInMs });
      }
      return uncertain(claim, entry, outcome);
  }
}

/** It is not called again without end: the last attempt is only asked about. */
function patienceOf({ attempt }: Claim, entry: ProviderEntry) {
  const isLast = attempt >= entry.retry.attemptsMax;
  return { next: isLast ? 'probe' : afterSilence(entry), dueInMs: entry.reportTimeoutMs } as const;
}

/** A refusal of this call alone does not say that an earlier one had no effect. It is not repeated: it would be refused again. */
function verdictOfRefusal(
  claim: Claim,
  entry: ProviderEntry,
  { errorInfo, onlyThisCall }: Extract<Outcome, { kind: 'failed' }>,
): Verdict {
  if (!onlyThisCall || !claim.mayHaveActed) return rejected(errorInfo);
  const { message, subcode } = errorInfo;
  const reason = `refused, which says nothing of the attempts before it: ${message}`;
  return uncertain(claim, entry, { reason, subcode });
}

function verdictOfUnavailable(
  claim: Claim,
  entry: ProviderEntry,
  outcome: Extract<Outcome, { kind: 'unavailable' }>,
): Verdict {
  const later = whileUnavailable(claim, entry, outcome.retryAfterMs);
  if (later) return later;
  if (claim.mayHaveActed) return uncertain(claim, entry, outcome);
  return failed('expired', {
    ...outcome,
    reason: `Its provider could not be reached in ${entry.queueTimeoutMs} ms: ${outcome.reason}`,
  });
}

/** It cannot be told from the calls. Whoever can be asked is asked. */
function uncertain(claim: Claim, entry: ProviderEntry, remark: Remark): Verdict {
  if (!entry.capabilities.probe) return unknown(claim, remark);
  return again(remark, { next: 'probe', mayHaveActed: true, dueInMs: 0 });
}
