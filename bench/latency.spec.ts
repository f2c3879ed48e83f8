import { describe, expect, it } from 'vitest';
import { latencyOf } from './latency.ts';

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('latencyOf', () => {
  it('takes the value that so many are not above, whatever their order', () => {
    expect(latencyOf(upTo(1000).toReversed())).toEqual({ p50: 500, p99: 990 });
    expect(latencyOf(upTo(100))).toEqual({ p50: 50, p99: 99 });
  });

  it('tells the largest of a few, not the one before it', () => {
    expect(latencyOf([1, 2, 30])).toEqual({ p50: 2, p99: 30 });
    expect(latencyOf([7])).toEqual({ p50: 7, p99: 7 });
  });

  it('refuses to tell anything from nothing', () => {
    expect(() => latencyOf([])).toThrow('no latencies');
  });
});
