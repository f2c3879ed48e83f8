import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NEMESES, type Nemesis, type PlanOptions, planFaults } from './fault-plan.ts';

const subjects = {
  processes: ['api-1', 'worker-1', 'kafka', 'postgres'],
  links: ['api-1>kafka', 'worker-1>kafka', 'worker-1>postgres', 'client>api-1'],
  servers: ['kafka', 'postgres', 'provider:Acme/Strict'],
  clocks: ['api-1', 'worker-1'],
  disks: ['kafka', 'postgres'],
};
const options = (given: Partial<PlanOptions> = {}): PlanOptions => ({
  seed: 1,
  seconds: 120,
  nemeses: NEMESES,
  recoveryMs: 5000,
  ...given,
});

const plans = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  seconds: fc.integer({ min: 100, max: 300 }),
  nemeses: fc.subarray([...NEMESES], { minLength: 1 }),
});

describe('planFaults', () => {
  it('plans the same for the same seed, and else something else', () => {
    expect(planFaults(subjects, options())).toEqual(planFaults(subjects, options()));
    expect(planFaults(subjects, options({ seed: 2 }))).not.toEqual(planFaults(subjects, options()));
  });

  it('makes faults of all kinds, of all that there is', () => {
    const plan = planFaults(subjects, options({ seconds: 1200 }));
    expect(new Set(plan.map(({ nemesis }) => nemesis))).toEqual(new Set(NEMESES));
    expect(new Set(plan.map(({ subject }) => subject))).toEqual(
      new Set(Object.values(subjects).flat()),
    );
  });

  it('makes none of them again before all of them were made', () => {
    const nemeses: Nemesis[] = ['slow', 'clock', 'disk'];
    const plan = planFaults(subjects, options({ nemeses }));
    const [first, second] = [plan.slice(0, 3), plan.slice(3, 6)];
    for (const round of [first, second]) {
      expect(new Set(round.map(({ nemesis }) => nemesis))).toEqual(new Set(nemeses));
    }
  });

  it('says so when there is no time for all of them', () => {
    expect(() => planFaults(subjects, options({ seconds: 15 }))).toThrow(
      /^In 15 s, seed 1 has no time for .*; give it more, or fewer nemeses\.$/,
    );
  });

  it('says so when no nemesis is left', () => {
    expect(() => planFaults(subjects, options({ nemeses: [] }))).toThrow(
      'No nemesis is left that can strike here.',
    );
  });

  it('lets each server be away alone first, with time to recover before the next', () => {
    const [first, second, third, ...rest] = planFaults(subjects, options());
    expect(new Set([first!, second!, third!].map(({ subject }) => subject))).toEqual(
      new Set(subjects.servers),
    );
    expect(second!.atMs - first!.atMs - first!.holdMs).toBe(5000);
    expect(third!.atMs - second!.atMs - second!.holdMs).toBe(5000);
    expect(Math.min(...rest.map(({ atMs }) => atMs))).toBeGreaterThan(third!.atMs + third!.holdMs);
  });

  it('makes each fault of something that can have it', () => {
    const { processes, links, servers, clocks, disks } = subjects;
    const connections = [...links, ...servers];
    const possible = {
      kill: processes,
      stop: processes,
      pause: processes,
      slow: processes,
      cut: connections,
      halfOpen: connections,
      delay: connections,
      clock: clocks,
      disk: disks,
    };
    fc.assert(
      fc.property(plans, (given) => {
        for (const { nemesis, subject } of planFaults(subjects, options(given))) {
          expect(possible[nemesis]).toContain(subject);
        }
      }),
    );
  });

  it('undoes everything in time, and never makes two faults of one thing at once', () => {
    fc.assert(
      fc.property(plans, (given) => {
        const plan = planFaults(subjects, options(given));
        for (const [index, fault] of plan.entries()) {
          expect(fault.atMs + fault.holdMs).toBeLessThanOrEqual(given.seconds * 1000);
          const meanwhile = plan
            .slice(index + 1)
            .filter(
              ({ atMs, holdMs }) =>
                atMs <= fault.atMs + fault.holdMs && atMs + holdMs >= fault.atMs,
            );
          for (const { subject } of meanwhile) {
            expect(subject).not.toBe(fault.subject);
            expect(subject.split('>')).not.toContain(fault.subject);
            expect(fault.subject.split('>')).not.toContain(subject);
          }
        }
      }),
    );
  });

  it('breaks the link to a product in place of a fault that only a process can have', () => {
    const plan = planFaults(
      { ...subjects, servers: ['provider:Acme/Strict'] },
      options({ nemeses: ['kill'] }),
    );
    expect(plan[0]).toMatchObject({ nemesis: 'cut', subject: 'provider:Acme/Strict' });
  });
});
