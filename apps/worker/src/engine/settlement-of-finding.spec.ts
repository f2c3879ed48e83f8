import { describe, expect, it } from 'vitest';
import type { Status } from '#domain/status';
import type { Claim } from '#database/claim.queries';
import type { Finding } from '#providers/provider';
import { providerEntry } from '#providers/provider-entry.fixture';
import { claimOf } from './claim.fixture.ts';
import { settlementOfCancel, settlementOfProbe } from './settlement-of-finding.ts';

const retry = { attemptsMax: 3, backoffMs: 500, backoffMsMax: 30_000 };
const REPORT_TIMEOUT_MS = 3_600_000;

const known = (status: Status): Finding => ({ kind: 'known', status, errorInfo: null });
const unanswered: Finding = { kind: 'unanswered', reason: 'no answer' };
const unavailable: Finding = { kind: 'unavailable', reason: 'refused' };
const DAY_MS = 86_400_000;

type Judge = typeof settlementOfProbe;

/** In a word: the end with its code; or what comes next, and whether soon or after the time for a report. */
function inShort(judge: Judge, finding: Finding, circumstances: Partial<Claim> = {}, can = {}) {
  const entry = providerEntry({
    capabilities: { idempotent: false, cancel: true, probe: true, ...can },
    retry,
    reportTimeoutMs: REPORT_TIMEOUT_MS,
  });
  const claim = claimOf({ next: 'probe', mayHaveActed: true, probes: 1, ...circumstances });
  const settlement = judge(claim, entry, finding);
  expect(settlement).toMatchObject({ attemptId: claim.attemptId, actionId: claim.actionId });
  switch (settlement.type) {
    case 'failed':
    case 'cancelled':
      return `Failed ${settlement.errorInfo.code}`;
    case 'attemptFailed':
      return `${settlement.next} again`;
    case 'postponed':
      if (settlement.unavailable) return 'uses up nothing';
      return settlement.dueInMs === REPORT_TIMEOUT_MS ? 'waits for a report' : 'asks again';
    default:
      return settlement.type;
  }
}

describe('what a provider says became of a call', () => {
  it.each<[string, Finding, Partial<Claim>, object, string]>([
    ['is so', known('Completed'), {}, {}, 'completed'],
    ['is so', known('Failed'), {}, {}, 'Failed 4'],
    ['is unknown while it may still happen', known('Running'), {}, {}, 'Failed 3'],
    ['is unknown while it may still happen', known('NotStarted'), {}, {}, 'Failed 3'],
    [
      'is asked for again after a while when it runs what it had taken over',
      known('Running'),
      { awaitingReport: true },
      {},
      'waits for a report',
    ],
    [
      'is unknown when it still runs after so many questions',
      known('Running'),
      { awaitingReport: true, probes: 3 },
      {},
      'Failed 3',
    ],
    [
      'is a reason to call again when it has not begun and bears repeats',
      known('NotStarted'),
      {},
      { idempotent: true },
      'call again',
    ],
    [
      'is unknown when it has not begun and no attempts are left',
      known('NotStarted'),
      { attempt: 3 },
      { idempotent: true },
      'Failed 3',
    ],
    ['is asked for again when there was no answer', unanswered, {}, {}, 'asks again'],
    ['is unknown after so many questions', unanswered, { probes: 3 }, {}, 'Failed 3'],
    ['is waited for when it cannot be reached', unavailable, { probes: 99 }, {}, 'uses up nothing'],
    [
      'is unknown when it was away too long',
      unavailable,
      { unavailableMs: DAY_MS },
      {},
      'Failed 3',
    ],
    ['is unknown when it cannot be asked', unanswered, {}, { probe: false }, 'Failed 3'],
  ])('%s: %j %j %j', (_name, finding, claim, can, expected) => {
    expect(inShort(settlementOfProbe, finding, claim, can)).toBe(expected);
  });

  it('is unknown for want of a report, where it is one that did not come', () => {
    const finding: Finding = { kind: 'unanswered', reason: 'its provider knows no probe' };
    const entry = providerEntry({
      capabilities: { idempotent: false, cancel: false, probe: false },
    });
    const { errorInfo } = settlementOfProbe(claimOf({ awaitingReport: true }), entry, finding) as {
      errorInfo: { message: string };
    };
    expect(errorInfo.message).toContain(
      'no report of its end came in time, and its provider knows no probe',
    );
  });

  it("gives the provider's own reason, under our code", () => {
    const errorInfo = { code: 99, message: 'no such host', subcode: 404 };
    const finding: Finding = { kind: 'known', status: 'Failed', errorInfo };
    expect(settlementOfProbe(claimOf(), providerEntry(), finding)).toMatchObject({
      errorInfo: { code: 4, message: 'no such host', subcode: 404 },
    });
  });
});

describe('what a provider says to a cancel', () => {
  it.each<[string, Finding, Partial<Claim>, string]>([
    ['is cancelled when it says Failed', known('Failed'), {}, 'Failed 1'],
    ['is completed when it was too late', known('Completed'), {}, 'completed'],
    ['is asked again when it is undecided', known('Running'), {}, 'asks again'],
    ['is asked again when it has not begun', known('NotStarted'), {}, 'asks again'],
    ['is asked again when there was no answer', unanswered, {}, 'asks again'],
    ['is unknown after so many questions', unanswered, { probes: 3 }, 'Failed 3'],
    ['is asked when it can be reached again', unavailable, { probes: 99 }, 'uses up nothing'],
    ['is unknown when it was away too long', unavailable, { unavailableMs: DAY_MS }, 'Failed 3'],
    [
      'is left to the report of what it had taken over',
      known('Running'),
      { probes: 3, awaitingReport: true },
      'waits for a report',
    ],
    [
      'is unknown when that report does not come either',
      known('Running'),
      { probes: 4, awaitingReport: true },
      'Failed 3',
    ],
  ])('%s: %j %j', (_name, finding, claim, expected) => {
    expect(inShort(settlementOfCancel, finding, claim)).toBe(expected);
  });
});
