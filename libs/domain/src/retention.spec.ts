import { describe, expect, it } from 'vitest';
import { expired, isBeyondHorizon, removalAgeMs } from './retention.ts';

const NOW = new Date('2026-03-31T12:00:00.000Z');

describe('the horizon', () => {
  it('is so many days ago, to the millisecond', () => {
    expect(isBeyondHorizon(new Date('2026-03-01T12:00:00.000Z'), 30, NOW)).toBe(false);
    expect(isBeyondHorizon(new Date('2026-03-01T11:59:59.999Z'), 30, NOW)).toBe(true);
  });

  it('is nowhere where everything is kept', () => {
    expect(isBeyondHorizon(new Date(0), 0, NOW)).toBe(false);
  });

  it('has passed an action an hour before it is removed, so that clocks may differ by as much', () => {
    const removed = new Date(NOW.getTime() - removalAgeMs(30) - 1);
    const behind = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000);
    expect(isBeyondHorizon(removed, 30, behind(59))).toBe(true);
    expect(isBeyondHorizon(removed, 30, behind(61))).toBe(false);
  });

  it('is named with what to do by whoever is beyond it', () => {
    const error = expired(new Date('2026-01-31T12:00:00Z'));
    expect([error.code, error.httpStatus]).toEqual(['expired', 409]);
    expect(error.message).toMatch(
      /^Accepted at 2026-01-31T12:00:00.000Z, .* RETENTION_DAYS.* Create it anew\.$/,
    );
  });
});
