import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Contact } from './contact.ts';

const LEASE_MS = 30_000;
const HOUR_MS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A contact, and a look at Postgres each second. */
function setup() {
  const contact = new Contact(LEASE_MS);
  /** Its clock may be set while it is asked, which may take a while; when in that time it read its clock, too. */
  const look = ({ aheadMs = 0, tookMs = 0, readAfterMs = 0 } = {}) => {
    vi.advanceTimersByTime(1000);
    const askedAtMs = performance.now();
    const clockMs = askedAtMs + readAfterMs + aheadMs;
    vi.advanceTimersByTime(tookMs);
    return contact.note({ askedAtMs, heardAtMs: performance.now(), clockMs });
  };
  /** Looks for so long. @returns what they had to tell of the clock */
  const looks = (ms: number, at: Parameters<typeof look>[0] = {}) =>
    Array.from({ length: ms / 1000 }, () => look(at)).filter((stepMs) => stepMs !== 0);
  return { contact, look, looks };
}

describe('the contact with Postgres', () => {
  it('is of a lease once it has lasted for that long', () => {
    const { contact, looks } = setup();
    looks(LEASE_MS);
    expect(contact.isOfALease).toBe(false);
    looks(1000);
    expect(contact.isOfALease).toBe(true);
  });

  it.each([3 * HOUR_MS, -3 * HOUR_MS])(
    'begins anew when the clock there is set by %i ms, once, and says by how much',
    (aheadMs) => {
      const { contact, looks } = setup();
      looks(2 * LEASE_MS);
      expect(looks(LEASE_MS, { aheadMs })).toEqual([aheadMs]);
      expect(contact.isOfALease).toBe(false);
      expect(looks(1000, { aheadMs })).toEqual([]);
      expect(contact.isOfALease).toBe(true);
      // And when it is put right.
      expect(looks(1000)).toEqual([-aheadMs]);
      expect(contact.isOfALease).toBe(false);
    },
  );

  it('goes on while the clock there is brought to the right time by and by', () => {
    const { contact, look, looks } = setup();
    looks(2 * LEASE_MS);
    for (let aheadMs = 0; aheadMs < HOUR_MS; aheadMs += 150) {
      expect(look({ aheadMs })).toBe(0);
      expect(contact.isOfALease).toBe(true);
    }
  });

  it('goes on while answers take their time, and their clock is read early or late in it', () => {
    const { contact, look, looks } = setup();
    looks(2 * LEASE_MS);
    const tookMs = LEASE_MS / 3;
    const steps = [0, tookMs, 0, tookMs, tookMs].map((readAfterMs) =>
      look({ tookMs, readAfterMs }),
    );
    expect(steps).toEqual([0, 0, 0, 0, 0]);
    expect(contact.isOfALease).toBe(true);
  });

  it('begins anew after a step that is small beside its own lease: those of others may be short', () => {
    const { contact, look, looks } = setup();
    looks(2 * LEASE_MS);
    expect(look({ aheadMs: 1900 })).toBeGreaterThan(1000);
    expect(contact.isOfALease).toBe(false);
  });

  it('begins anew after a lease in which nothing was heard, whatever the clock did meanwhile', () => {
    const { contact, look, looks } = setup();
    looks(2 * LEASE_MS);
    vi.advanceTimersByTime(LEASE_MS);
    expect(look({ aheadMs: HOUR_MS })).toBe(0);
    expect(contact.isOfALease).toBe(false);
  });

  it('begins anew after a silence in which the living, had they been silent as well, could have lost a lease', () => {
    const { contact, look, looks } = setup();
    looks(2 * LEASE_MS);
    vi.advanceTimersByTime((2 / 3) * LEASE_MS);
    look();
    expect(contact.isOfALease).toBe(false);
  });

  it('begins anew when it was lost', () => {
    const { contact, looks } = setup();
    looks(2 * LEASE_MS);
    contact.lose();
    expect(contact.isOfALease).toBe(false);
    expect(looks(LEASE_MS, { aheadMs: HOUR_MS })).toEqual([]);
    expect(contact.isOfALease).toBe(false);
  });
});
