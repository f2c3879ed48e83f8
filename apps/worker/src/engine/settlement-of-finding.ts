import type { Claim } from '#database/claim.queries';
import type { Settlement } from '#database/settle.queries';
import type { ProviderEntry } from '#providers/catalogue';
import type { Finding } from '#providers/provider';
import {
  type Verdict,
  again,
  backoffMs,
  cancelled,
  rejected,
  settlement,
  unknown,
  whileUnavailable,
} from './verdict.ts';

/** What the answer to "what became of it?" means; there is none from a provider that cannot be asked. */
export function settlementOfProbe(
  claim: Claim,
  entry: ProviderEntry,
  finding: Finding,
): Settlement {
  return settlement(claim, verdictOfProbe(claim, entry, finding));
}

function verdictOfProbe(claim: Claim, entry: ProviderEntry, finding: Finding): Verdict {
  const { capabilities, retry, reportTimeoutMs } = entry;
  const isLast = claim.probes >= retry.attemptsMax;
  if (finding.kind === 'unavailable') {
    return whileUnavailable(claim, entry) ?? unknown(claim, finding);
  }
  if (finding.kind === 'unanswered') {
    const canAskAgain = capabilities.probe && !isLast;
    if (!canAskAgain) return unknown(claim, claim.awaitingReport ? unreported(finding) : finding);
    return { type: 'postponed', unavailable: false, dueInMs: backoffMs(claim.probes, entry) };
  }
  if (finding.status === 'Completed') return { type: 'completed' };
  if (finding.status === 'Failed') return rejected(finding.errorInfo);
  // It has taken the action over and still runs it: it is believed, for as many times as it is asked.
  if (claim.awaitingReport && finding.status === 'Running' && !isLast) {
    return { type: 'postponed', unavailable: false, dueInMs: reportTimeoutMs };
  }
  const attemptsLeft = claim.attempt < retry.attemptsMax;
  if (finding.status === 'NotStarted' && capabilities.idempotent && attemptsLeft) {
    const remark = { reason: 'its provider says that it has not begun' };
    return again(remark, { next: 'call', mayHaveActed: true, dueInMs: 0 });
  }
  return unknown(claim, { reason: `its provider says ${finding.status} after the deadline` });
}

/** That it cannot be asked would not be said of it, had it reported its end. */
function unreported({ reason }: { reason: string }) {
  return { reason: `no report of its end came in time, and ${reason}` };
}

/** What the answer to a cancel means for an action that nobody holds but the canceller. */
export function settlementOfCancel(
  claim: Claim,
  entry: ProviderEntry,
  finding: Finding,
): Settlement {
  return settlement(claim, verdictOfCancel(claim, entry, finding));
}

function verdictOfCancel(claim: Claim, entry: ProviderEntry, finding: Finding): Verdict {
  if (finding.kind === 'unavailable') {
    return whileUnavailable(claim, entry) ?? unknown(claim, finding);
  }
  const status = finding.kind === 'known' ? finding.status : null;
  if (status === 'Completed') return { type: 'completed' };
  if (status === 'Failed') return cancelled();
  const { attemptsMax } = entry.retry;
  const asked = { type: 'postponed', unavailable: false } as const;
  if (claim.probes < attemptsMax) return { ...asked, dueInMs: backoffMs(claim.probes, entry) };
  // It cannot be taken back. If its provider is to report its end, that is waited for, once.
  if (claim.awaitingReport && claim.probes === attemptsMax) {
    return { ...asked, dueInMs: entry.reportTimeoutMs };
  }
  const reason =
    finding.kind === 'unanswered'
      ? finding.reason
      : `its provider says ${finding.status} when asked to take it back`;
  return unknown(claim, { reason });
}
