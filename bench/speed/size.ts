import type { ContenderSize } from './measure.ts';

/** How much of everything a run does. */
export interface Size {
  http: number;
  sql: number;
  /** To Kafka, one a request; with more a request, ten times as many. */
  messages: number;
  /** Of the latencies of the limits. */
  limitSeconds: number;
  warmsKafkaUp: boolean;
  contenders: Record<'ours' | 'naive' | 'pgBoss', ContenderSize>;
  profile: { warmUp: number; actions: number };
}

/**
 * Some ten minutes. Each contender is given what takes it some ten seconds or more at saturation, and as much before, to warm
 * up: what is measured is a service that has run for a while. Kafka's JVM and V8 go on compiling for a minute and more.
 */
export const FULL: Size = {
  http: 40_000,
  sql: 40_000,
  messages: 10_000,
  limitSeconds: 10,
  warmsKafkaUp: true,
  contenders: {
    ours: {
      // With half as many an action still takes a fifth more.
      warmUp: { actions: 60_000, steadySeconds: 60 },
      steadySeconds: 30,
      actions: 30_000,
      idleSeconds: 10,
    },
    // What it does not hold 200 a second for has to be waited for.
    naive: {
      warmUp: { actions: 2500, steadySeconds: 10 },
      steadySeconds: 10,
      actions: 2500,
      idleSeconds: 0,
    },
    pgBoss: {
      warmUp: { actions: 5000, steadySeconds: 60 },
      steadySeconds: 30,
      actions: 15_000,
      idleSeconds: 0,
    },
  },
  profile: { warmUp: 60_000, actions: 30_000 },
};

/** Three quarters of a minute, with the start of everything. */
export const QUICK: Size = {
  http: 500,
  sql: 500,
  messages: 200,
  limitSeconds: 0.25,
  warmsKafkaUp: false,
  contenders: {
    ours: {
      warmUp: { actions: 100, steadySeconds: 0.5 },
      steadySeconds: 0.5,
      actions: 500,
      idleSeconds: 1,
    },
    naive: {
      warmUp: { actions: 20, steadySeconds: 0.25 },
      steadySeconds: 0.25,
      actions: 100,
      idleSeconds: 0,
    },
    pgBoss: {
      warmUp: { actions: 50, steadySeconds: 0.5 },
      steadySeconds: 0.5,
      actions: 200,
      idleSeconds: 0,
    },
  },
  profile: { warmUp: 100, actions: 1000 },
};
