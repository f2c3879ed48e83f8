import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Membership } from './membership.ts';

describe('a membership', () => {
  let membership: Membership;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    membership = new Membership();
  });
  afterEach(() => vi.useRealTimers());

  it('begins with a join, and listens from its first fetch on', () => {
    expect(membership).toMatchObject({ isIn: false, listening: undefined });
    membership.joined();
    expect(membership).toMatchObject({ isIn: true, listening: undefined });
    membership.fetched();
    expect(membership.listening).toBe(1);
  });

  it('has another number after each join, and none until it listens again', () => {
    membership.joined();
    membership.fetched();
    membership.rejoins();
    membership.joined();
    expect(membership.listening).toBeUndefined();
    membership.fetched();
    expect(membership.listening).toBe(2);
  });

  it('goes on when a heartbeat is answered although it was told to join anew, as one that may have missed something', () => {
    membership.joined();
    membership.fetched();
    membership.rejoins();
    expect(membership.isIn).toBe(false);
    membership.heartbeat();
    expect(membership).toMatchObject({ isIn: true, listening: undefined });
    membership.fetched();
    expect(membership.listening).toBe(2);
  });

  it('is not begun by a heartbeat that was under way when it ended', () => {
    membership.joined();
    membership.ended();
    membership.heartbeat();
    expect(membership.isIn).toBe(false);
  });

  it('is not heard of any more when no fetch is answered for five seconds', () => {
    membership.joined();
    vi.advanceTimersByTime(4900);
    expect(membership.isHeard).toBe(true);
    membership.fetched();
    vi.advanceTimersByTime(4900);
    expect(membership.isHeard).toBe(true);
    vi.advanceTimersByTime(200);
    expect(membership.isHeard).toBe(false);
  });
});
