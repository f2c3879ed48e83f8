import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Meter } from './meter.ts';
import { canLookIntoProcesses } from './process-tree.ts';

const own = { own: process.pid };

describe('Meter', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.runIf(canLookIntoProcesses)('says what was used while work went on', async () => {
    const { result, usage } = await Meter.during(own, () => {
      expect(vi.getTimerCount()).toBe(1);
      return Promise.resolve('done');
    });
    expect(result).toBe('done');
    const { peakBytes, programBytes } = usage!['own']!;
    expect(programBytes).toBeGreaterThan(2 ** 20);
    expect(peakBytes).toBeGreaterThan(programBytes);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not look on when the work has failed: what it measures is ended then', async () => {
    const fails = () => Promise.reject(new Error('refused'));
    await expect(Meter.during(own, fails)).rejects.toThrow('refused');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('lets work be done where nothing can be looked into', async () => {
    const unmeasured = await Meter.during(undefined, () => Promise.resolve('done'));
    expect(unmeasured).toEqual({ result: 'done', usage: undefined });
  });
});
