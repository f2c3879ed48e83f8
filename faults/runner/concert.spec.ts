import { setTimeout as passed } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { inConcert } from './concert.ts';

const HOUR_MS = 3_600_000;

/** Goes on for an hour unless it is told not to, and takes its time to end. */
async function patient(signal: AbortSignal, ended: () => void): Promise<void> {
  try {
    await passed(HOUR_MS, undefined, { signal });
  } finally {
    await passed(1);
    ended();
  }
}

describe('inConcert', () => {
  it('is over when all that it does is', async () => {
    const done = vi.fn<() => Promise<void>>(() => passed(1));
    await inConcert([done, done]);
    expect(done).toHaveBeenCalledTimes(2);
  });

  it('throws what one failed with, once the others have ended of it', async () => {
    const ended = vi.fn<() => void>();
    const failing = inConcert([
      (signal) => patient(signal, ended),
      () => Promise.reject(new Error('planted')),
      (signal) => patient(signal, ended),
    ]);
    await expect(failing).rejects.toThrow('planted');
    expect(ended).toHaveBeenCalledTimes(2);
  });

  it('ends when it is told to, and says why', async () => {
    const outer = new AbortController();
    const ended = vi.fn<() => void>();
    const going = inConcert([(signal) => patient(signal, ended)], outer.signal);
    outer.abort(new Error('the record cannot be written'));
    await expect(going).rejects.toThrow('the record cannot be written');
    expect(ended).toHaveBeenCalledOnce();
  });
});
