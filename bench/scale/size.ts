import type { ContenderSize } from '../speed/measure.ts';

export interface OverloadSize {
  figures: ContenderSize;
  connections: number;
  bodyBytes: number;
  /** Accepted while the worker is stopped. */
  backlog: number;
  /** Settings under which so many connections are too many. */
  env: Record<string, string>;
}

export interface SoakSize {
  figures: ContenderSize;
  intervals: number;
  intervalSeconds: number;
  /** Actions that are there already and old enough to be removed. */
  oldActions: number;
}

/** How much of everything a run does, and between what it compares: the first is what the others are compared with. */
export interface ScaleSize {
  figures: ContenderSize;
  processes: { apis: number; workers: number }[];
  rows: number[];
  tenants: number[];
  connections: number[];
  bodyBytes: number[];
  overload: OverloadSize;
  soak: SoakSize;
}

const FIGURES = {
  warmUp: { actions: 5000, steadySeconds: 20 },
  steadySeconds: 20,
  actions: 20_000,
  idleSeconds: 0,
};

/** More than an hour: a minute for each row of a table, more for each million rows, and the soak. */
export const FULL: ScaleSize = {
  figures: FIGURES,
  processes: [
    { apis: 1, workers: 1 },
    { apis: 1, workers: 2 },
    { apis: 2, workers: 1 },
    { apis: 2, workers: 2 },
    { apis: 4, workers: 4 },
  ],
  rows: [0, 1_000_000, 5_000_000],
  tenants: [1, 10, 1000],
  connections: [64, 2000],
  bodyBytes: [400, 20_000],
  overload: {
    figures: {
      ...FIGURES,
      warmUp: { actions: 2000, steadySeconds: 5 },
      steadySeconds: 5,
      actions: 4000,
    },
    connections: 2000,
    // A few hundred fill the queue of the publisher (PUBLISH_QUEUE_BYTES_MAX), long before all connections are in it.
    bodyBytes: 60_000,
    backlog: 10_000,
    env: {},
  },
  // A worker removes 500 and rests three times as long as that took: a quarter of an hour has enough to do with them.
  soak: { figures: FIGURES, intervals: 15, intervalSeconds: 60, oldActions: 2_000_000 },
};

const QUICK_FIGURES = {
  warmUp: { actions: 100, steadySeconds: 0.5 },
  steadySeconds: 0.5,
  actions: 300,
  idleSeconds: 0,
};

/** Shows that it works: its figures mean nothing. */
export const QUICK: ScaleSize = {
  figures: QUICK_FIGURES,
  processes: [
    { apis: 1, workers: 1 },
    { apis: 2, workers: 2 },
  ],
  rows: [0, 10_000],
  tenants: [1, 10],
  connections: [64, 200],
  bodyBytes: [400, 20_000],
  overload: {
    figures: QUICK_FIGURES,
    connections: 200,
    bodyBytes: 400,
    backlog: 300,
    env: { PUBLISH_QUEUE_MESSAGES_MAX: '20', PUBLISH_BATCH_MESSAGES_MAX: '20' },
  },
  soak: { figures: QUICK_FIGURES, intervals: 3, intervalSeconds: 2, oldActions: 2000 },
};
