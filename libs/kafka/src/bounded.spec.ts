import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NotAnswered, answeredWithin } from './bounded.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('a bounded wait for an answer', () => {
  it('gives the answer, or what went wrong, and leaves no timer behind', async () => {
    await expect(answeredWithin(Promise.resolve('yes'), 100)).resolves.toBe('yes');
    await expect(answeredWithin(Promise.reject(new Error('no')), 100)).rejects.toThrow('no');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends in time without an answer, and does not mind one that comes later', async () => {
    const { promise, reject } = Promise.withResolvers<string>();
    const outcome = Promise.allSettled([answeredWithin(promise, 100)]);
    await vi.advanceTimersByTimeAsync(99);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    reject(new Error('too late'));
    const reason = new NotAnswered(100);
    expect(await outcome).toEqual([{ status: 'rejected', reason }]);
  });
});
