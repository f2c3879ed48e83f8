import { describe, expect, it } from 'vitest';
import { type BatchDone, restAfterMs } from './small-batches.ts';

const SMALL: BatchDone = { messages: 2, tookMs: 8, running: 1, runningMax: 8 };

describe('the rest of a consumer after a batch', () => {
  it('is as long as a small batch took', () => {
    expect(restAfterMs(SMALL)).toBe(8);
    expect(restAfterMs({ ...SMALL, messages: 49 })).toBe(8);
  });

  it('is bounded, whatever a batch took', () => {
    expect(restAfterMs({ ...SMALL, tookMs: 30_000 })).toBe(20);
  });

  it('is none after a batch that was large already, so that a backlog is worked off at full speed', () => {
    expect(restAfterMs({ ...SMALL, messages: 50 })).toBe(0);
  });

  it('is none after a batch that took no time', () => {
    expect(restAfterMs({ ...SMALL, tookMs: 0.9 })).toBe(0);
  });

  it('is none when more than half of the places are taken: another partition may wait for this one', () => {
    expect(restAfterMs({ ...SMALL, running: 4 })).toBe(8);
    expect(restAfterMs({ ...SMALL, running: 5 })).toBe(0);
  });

  it('is taken by the only partition there is', () => {
    expect(restAfterMs({ ...SMALL, running: 1, runningMax: 1 })).toBe(8);
  });
});
