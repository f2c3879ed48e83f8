import { describe, expect, it } from 'vitest';
import { type BatchDone, SmallBatches } from './small-batches.ts';

const SMALL: BatchDone = { messages: 2, behind: 0, tookMs: 8, running: 1, runningMax: 8 };

describe('the rest of a consumer after a batch', () => {
  const rest = (done: Partial<BatchDone>) => new SmallBatches().restAfter({ ...SMALL, ...done }, 0);

  it('is as long as a small batch took', () => {
    expect(rest({})).toBe(8);
    expect(rest({ messages: 49 })).toBe(8);
  });

  it('is bounded, whatever a batch took', () => {
    expect(rest({ tookMs: 30_000 })).toBe(20);
  });

  it('is none after a batch that took no time', () => {
    expect(rest({ tookMs: 0.9 })).toBe(0);
  });

  it.each([
    ['one that was large already', { messages: 50 }],
    ['one of few large messages with more behind it', { behind: 1 }],
  ])(
    'is none after %s, nor for a while in other partitions: a backlog is worked off at full speed',
    (_what, done) => {
      const batches = new SmallBatches();
      expect(batches.restAfter({ ...SMALL, ...done }, 5000)).toBe(0);
      expect(batches.restAfter(SMALL, 5999)).toBe(0);
      expect(batches.restAfter(SMALL, 6000)).toBe(8);
    },
  );

  it('is none when more than half of the places are taken: another partition may wait for this one', () => {
    expect(rest({ running: 4 })).toBe(8);
    expect(rest({ running: 5 })).toBe(0);
    expect(rest({ running: 1, runningMax: 1 })).toBe(0);
  });
});
