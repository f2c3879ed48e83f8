import { describe, expect, it } from 'vitest';
import type { Outcome } from '#providers/provider';
import { providerEntry } from '#providers/provider-entry.fixture';
import { claimOf } from './claim.fixture.ts';
import { settlementOf } from './settlement-of.ts';

const DAY_MS = 86_400_000;
const retry = { attemptsMax: 3, backoffMs: 500, backoffMsMax: 30_000 };

const OUTCOMES: Record<Outcome['kind'], Outcome> = {
  completed: { kind: 'completed' },
  failed: { kind: 'failed', errorInfo: { code: 4, message: 'no such host', subcode: 404 } },
  accepted: { kind: 'accepted' },
  notDone: { kind: 'notDone', reason: 'busy' },
  unavailable: { kind: 'unavailable', reason: 'refused' },
  mayHaveActed: { kind: 'mayHaveActed', reason: 'no answer' },
};

/** "Already isolated", say: it is the earlier attempt that isolated the host. */
const REFUSED_CALL: Outcome = {
  kind: 'failed',
  errorInfo: { code: 4, message: 'already isolated', subcode: 409 },
  onlyThisCall: true,
};

function settle(
  outcome: Outcome,
  {
    idempotent = true,
    probe = false,
    attempt = 1,
    mayHaveActed = false,
    unavailableMs = null as number | null,
    attemptsMax = retry.attemptsMax,
  } = {},
) {
  const claim = claimOf({ attempt, mayHaveActed, unavailableMs });
  const entry = providerEntry({
    capabilities: { idempotent, cancel: false, probe },
    retry: { ...retry, attemptsMax },
  });
  return { claim, settlement: settlementOf(claim, entry, outcome) };
}

/** In a word: the status that follows with its code, or that another attempt does and what is said of this one. */
function inShort(outcome: Outcome, circumstances: Parameters<typeof settle>[1]): string {
  const { settlement } = settle(outcome, circumstances);
  if (settlement.type === 'completed') return 'Completed';
  if (settlement.type === 'failed') return `Failed ${settlement.errorInfo.code}`;
  if (settlement.type !== 'attemptFailed') return settlement.type;
  if (settlement.next === 'probe') return 'probe';
  return settlement.mayHaveActed ? 'again, may have acted' : 'again';
}

/** The pause before the next attempt. */
function pauseMs(outcome: Outcome, circumstances: Parameters<typeof settle>[1] = {}): number {
  const { settlement } = settle(outcome, circumstances);
  if (settlement.type !== 'attemptFailed') throw new Error('No attempt follows.');
  return settlement.dueInMs;
}

describe('what an outcome means for the action', () => {
  // outcome, idempotent, attempts left, an earlier attempt may have acted → what follows
  it.each<[Outcome['kind'], boolean, boolean, boolean, string]>([
    ['completed', true, true, false, 'Completed'],
    ['completed', true, true, true, 'Completed'],
    ['completed', true, false, false, 'Completed'],
    ['completed', true, false, true, 'Completed'],
    ['completed', false, true, false, 'Completed'],
    ['completed', false, false, false, 'Completed'],
    ['failed', true, true, false, 'Failed 4'],
    ['failed', true, true, true, 'Failed 4'],
    ['failed', true, false, false, 'Failed 4'],
    ['failed', true, false, true, 'Failed 4'],
    ['failed', false, true, false, 'Failed 4'],
    ['failed', false, false, false, 'Failed 4'],
    ['notDone', true, true, false, 'again'],
    ['notDone', true, true, true, 'again'],
    ['notDone', true, false, false, 'Failed 5'],
    ['notDone', true, false, true, 'Failed 3'],
    ['notDone', false, true, false, 'again'],
    ['notDone', false, true, true, 'again'],
    ['notDone', false, false, false, 'Failed 5'],
    ['notDone', false, false, true, 'Failed 3'],
    ['mayHaveActed', true, true, false, 'again, may have acted'],
    ['mayHaveActed', true, true, true, 'again, may have acted'],
    ['mayHaveActed', true, false, false, 'Failed 3'],
    ['mayHaveActed', true, false, true, 'Failed 3'],
    ['mayHaveActed', false, true, false, 'Failed 3'],
    ['mayHaveActed', false, true, true, 'Failed 3'],
    ['mayHaveActed', false, false, false, 'Failed 3'],
    ['mayHaveActed', false, false, true, 'Failed 3'],
  ])(
    '%s, idempotent %s, attempts left %s, acted before perhaps %s: %s',
    (kind, idempotent, left, mayHaveActed, expected) => {
      const attempt = left ? retry.attemptsMax - 1 : retry.attemptsMax;
      expect(inShort(OUTCOMES[kind], { idempotent, attempt, mayHaveActed })).toBe(expected);
    },
  );

  it.each(Object.values(OUTCOMES))('is for the attempt that was claimed: $kind', (outcome) => {
    const { claim, settlement } = settle(outcome);
    const { azureTenantId, actionId, attemptId } = claim;
    expect(settlement).toMatchObject({ azureTenantId, actionId, attemptId });
  });

  it.each<[Outcome['kind'], boolean]>([
    ['mayHaveActed', false],
    ['notDone', true],
    ['unavailable', true],
  ])('%s, acted before perhaps %s: whoever can be asked is asked', (kind, mayHaveActed) => {
    const circumstances = { idempotent: false, probe: true, attempt: 3, mayHaveActed };
    const unavailableMs = DAY_MS;
    expect(inShort(OUTCOMES[kind], { ...circumstances, unavailableMs })).toBe('probe');
  });

  // an earlier attempt may have acted, it can be asked, attempts left → what a refusal of this call alone means
  it.each([
    [false, false, true, 'Failed 4'],
    [false, true, true, 'Failed 4'],
    [true, false, true, 'Failed 3'],
    [true, false, false, 'Failed 3'],
    [true, true, true, 'probe'],
    [true, true, false, 'probe'],
  ])(
    'only this call refused, acted before perhaps %s, can be asked %s, attempts left %s: %s',
    (mayHaveActed, probe, left, expected) => {
      const attempt = left ? retry.attemptsMax - 1 : retry.attemptsMax;
      expect(inShort(REFUSED_CALL, { probe, attempt, mayHaveActed })).toBe(expected);
    },
  );

  it.each([
    [true, false, 1, 'call'],
    [true, true, 1, 'probe'],
    [false, false, 1, 'probe'],
    [false, true, 1, 'probe'],
    [true, false, 3, 'probe'],
  ])(
    'accepted, idempotent %s, can be asked %s, attempt %i: silence is followed by a %s',
    (idempotent, probe, attempt, next) => {
      const { settlement } = settle(OUTCOMES.accepted, { idempotent, probe, attempt });
      expect(settlement).toMatchObject({ type: 'accepted', next, dueInMs: 3_600_000 });
    },
  );

  it.each([
    ['postponed', null, false],
    ['postponed', DAY_MS - 1, true],
    ['Failed 6', DAY_MS, false],
    ['Failed 3', DAY_MS, true],
  ])(
    'unavailable is %s after %s ms of it, acted before perhaps %s',
    (expected, unavailableMs, mayHaveActed) => {
      const circumstances = { attempt: 99, unavailableMs, mayHaveActed };
      expect(inShort(OUTCOMES.unavailable, circumstances)).toBe(expected);
    },
  );

  it.each([
    [null, 250, 500],
    [2000, 500, 1000],
    [3_600_000, 15_000, 30_000],
  ])('tries again after %s ms without it in %i to %i ms', (unavailableMs, from, to) => {
    const { settlement } = settle(OUTCOMES.unavailable, { unavailableMs });
    expect(settlement).toMatchObject({ type: 'postponed', unavailable: true });
    const { dueInMs } = settlement as { dueInMs: number };
    expect(dueInMs).toBeGreaterThanOrEqual(from);
    expect(dueInMs).toBeLessThanOrEqual(to);
  });

  it.each([0, -5, 1])(
    'never comes back at once, also when it is asked to in %i ms',
    (retryAfterMs) => {
      const { settlement } = settle({ kind: 'unavailable', reason: 'HTTP 401', retryAfterMs });
      expect(settlement).toMatchObject({ type: 'postponed', dueInMs: retry.backoffMs });
    },
  );

  it('gives no further attempt to an action that has had more than there are by now', () => {
    expect(inShort(OUTCOMES.notDone, { attempt: 9, attemptsMax: 1 })).toBe('Failed 5');
  });
});

describe('the words of an outcome', () => {
  it("are the provider's when it refuses, under our code", () => {
    const errorInfo = { code: 1, message: 'no such host', subcode: 404 };
    expect(settle({ kind: 'failed', errorInfo }).settlement).toMatchObject({
      errorInfo: { code: 4, message: 'no such host', subcode: 404 },
    });
  });

  it('say what happened, and in which attempt', () => {
    expect(settle(OUTCOMES.notDone).settlement).toMatchObject({
      errorInfo: { code: 0, message: 'busy', subcode: 0 },
    });
    const last = { attempt: 3, idempotent: false };
    expect(settle(OUTCOMES.notDone, last).settlement).toMatchObject({
      errorInfo: { code: 5, message: expect.stringContaining('3 attempts: busy') as string },
    });
    expect(settle(OUTCOMES.mayHaveActed, last).settlement).toMatchObject({
      errorInfo: { code: 3, message: expect.stringContaining('attempt 3: no answer') as string },
    });
  });

  it("hold the provider's when its refusal leaves the outcome unknown", () => {
    const { settlement } = settle(REFUSED_CALL, { attempt: 2, mayHaveActed: true });
    expect(settlement).toMatchObject({
      errorInfo: {
        code: 3,
        message: expect.stringMatching(/attempt 2: refused, .*: already isolated/) as string,
        subcode: 409,
      },
    });
  });

  it.each([
    ['U+0000', 'a\u0000b', 'ab'],
    ['unpaired surrogates', 'a\ud800b\udc00', 'a\ufffdb\ufffd'],
    ['what is too much', 'x'.repeat(2000), 'x'.repeat(1000)],
    ['half of a pair at the cut', `${'x'.repeat(999)}😀`, `${'x'.repeat(999)}\ufffd`],
    ['nothing of an emoji', '😀', '😀'],
    ['nothing of an empty text', '', ''],
    ['nothing of null', null, null],
  ])('lose %s before they reach Postgres', (_what, message, stored) => {
    const errorInfo = { code: 4, message, subcode: 0 };
    expect(settle({ kind: 'failed', errorInfo }).settlement).toMatchObject({
      errorInfo: { message: stored },
    });
  });

  it('are bounded whoever said them', () => {
    const reason = '\u0000'.repeat(10) + 'r'.repeat(100_000);
    for (const kind of ['notDone', 'mayHaveActed'] as const) {
      for (const attempt of [1, 3]) {
        const { settlement } = settle({ kind, reason }, { attempt });
        const message = 'errorInfo' in settlement ? settlement.errorInfo.message : null;
        expect(message?.length).toBeGreaterThan(900);
        expect(message?.length).toBeLessThanOrEqual(1000);
        expect(message).not.toContain('\u0000');
      }
    }
  });
});

describe('the pause before the next attempt', () => {
  it.each([
    [1, 500],
    [2, 1000],
    [3, 2000],
    [6, 16_000],
    [7, 30_000],
    [99, 30_000],
  ])('after attempt %i is at most %i ms and at least half of that', (attempt, ceilingMs) => {
    const circumstances = { attempt, attemptsMax: 100 };
    const pauses = Array.from({ length: 200 }, () => pauseMs(OUTCOMES.notDone, circumstances));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(ceilingMs);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(ceilingMs / 2);
    expect(pauses.every(Number.isInteger)).toBe(true);
    // What failed together does not come back together.
    expect(new Set(pauses).size).toBeGreaterThan(20);
  });

  it.each([
    [0, retry.backoffMs],
    [1, retry.backoffMs],
    [1500.4, 1500],
    [-5, retry.backoffMs],
    [DAY_MS, DAY_MS],
    [365 * DAY_MS, DAY_MS],
    [Number.MAX_VALUE, DAY_MS],
    [Number.POSITIVE_INFINITY, DAY_MS],
    [Number.NaN, DAY_MS],
  ])(
    'is what a provider asks for, from backoffMs to a day: %d ms as %i',
    (retryAfterMs, expected) => {
      expect(pauseMs({ kind: 'notDone', reason: 'busy', retryAfterMs })).toBe(expected);
    },
  );
});

describe('what an outcome means for a dispatch', () => {
  it('writes to a topic again what may not have got there, but not what its product keeps silent about', () => {
    const entry = { ...providerEntry({ retry }), type: 'kafka' } as const;
    const settled = (kind: Outcome['kind']) => settlementOf(claimOf(), entry, OUTCOMES[kind]);
    expect(settled('mayHaveActed')).toMatchObject({ next: 'call', mayHaveActed: true });
    expect(settled('accepted')).toMatchObject({ type: 'accepted', next: 'probe' });
  });
});
