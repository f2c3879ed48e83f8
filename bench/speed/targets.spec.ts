import { describe, expect, it } from 'vitest';
import type { Figures } from './measure.ts';
import { type Target, targetsOf, verdictOf } from './targets.ts';

const MIB = 2 ** 20;

const figures = (more: Partial<Figures> = {}): Figures => ({
  actions: 1000,
  acceptedPerSecond: 4000,
  completedPerSecond: 3000,
  accept: { p50: 3, p99: 9 },
  toEnd: { p50: 12, p99: 51 },
  lateness: { p50: 0, p99: 1 },
  generatorMicros: 80,
  usage: {
    api: { cpuMicros: 100_000, peakBytes: 100 * MIB, programBytes: 0 },
    worker: { cpuMicros: 200_000, peakBytes: 261 * MIB, programBytes: 0 },
    kafka: { cpuMicros: 50_000, peakBytes: 400 * MIB, programBytes: 0 },
    postgres: { cpuMicros: 150_000, peakBytes: 300 * MIB, programBytes: 0 },
  },
  idleShare: 0.031,
  eventsEach: 3,
  refused: 0,
  ...more,
});

const findings = {
  ours: figures(),
  naive: figures({ acceptedPerSecond: 800, completedPerSecond: 100 }),
  floor: { micros: 250, perSecond: 8000 },
  send: { p50: 2, p99: 4 },
};

describe('targetsOf', () => {
  it('compares with the naive version, the floor and the awaited send of the same run', () => {
    const reached = targetsOf(findings).map((target) => target.reached);
    expect(reached).toEqual([30, 0.375, 5, 2, 1.5, 9, 12, 51, 3.1, 100, 261]);
  });

  it('knows nothing of the floor, CPU and memory where they cannot be measured', () => {
    const blind = figures({ usage: undefined, idleShare: undefined });
    const targets = targetsOf({ ...findings, ours: blind, floor: undefined });
    const verdicts = targets.map(verdictOf);
    expect(verdicts.filter((verdict) => verdict === 'not measured')).toHaveLength(5);
  });
});

describe('verdictOf', () => {
  const target = (more: Partial<Target>): Target => ({ what: '', unit: '×', reached: 10, ...more });

  it.each([
    [{ atLeast: 11 }, 'missed'],
    [{ atLeast: 10 }, 'met'],
    [{ atLeast: 9, aim: 11 }, 'met, not the aim'],
    [{ atLeast: 9, aim: 10 }, 'met'],
    [{ atMost: 9 }, 'missed'],
    [{ atMost: 10 }, 'met'],
    [{ atMost: 11, aim: 9 }, 'met, not the aim'],
    [{ atMost: 11, aim: 10 }, 'met'],
    [{ atMost: 11, reached: undefined }, 'not measured'],
  ])('of 10 with %j is %s', (more, verdict) => {
    expect(verdictOf(target(more))).toBe(verdict);
  });
});
