import type { ContenderSize } from './measure.ts';

/** How much of everything a run does. */
export interface Size {
  http: { creates: number; steadySeconds: number };
  sql: number;
  kafka: { messages: number; sendSeconds: number };
  contenders: Record<'ours' | 'naive' | 'pgBoss', ContenderSize>;
  profile: { warmUp: number; actions: number };
}

/** Some ten minutes. Each contender is given what takes it some ten seconds or more at saturation. */
export const FULL: Size = {
  http: { creates: 40_000, steadySeconds: 10 },
  sql: 40_000,
  kafka: { messages: 10_000, sendSeconds: 20 },
  contenders: {
    ours: { warmUp: 5000, steadySeconds: 30, actions: 30_000, idleSeconds: 10 },
    // What it does not hold 200 a second for has to be waited for.
    naive: { warmUp: 500, steadySeconds: 10, actions: 2500, idleSeconds: 0 },
    pgBoss: { warmUp: 2500, steadySeconds: 30, actions: 15_000, idleSeconds: 0 },
  },
  profile: { warmUp: 5000, actions: 30_000 },
};

/** Three quarters of a minute, with the start of everything. */
export const QUICK: Size = {
  http: { creates: 500, steadySeconds: 0.5 },
  sql: 500,
  kafka: { messages: 200, sendSeconds: 1 },
  contenders: {
    ours: { warmUp: 100, steadySeconds: 0.5, actions: 500, idleSeconds: 1 },
    naive: { warmUp: 20, steadySeconds: 0.5, actions: 100, idleSeconds: 0 },
    pgBoss: { warmUp: 50, steadySeconds: 0.5, actions: 200, idleSeconds: 0 },
  },
  profile: { warmUp: 100, actions: 1000 },
};
