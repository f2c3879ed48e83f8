import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Latency, latencyOf } from '../latency.ts';
import { until } from '../until.ts';
import type { Contender, EndWatch, Ledger } from './contender.ts';
import { Creates } from './creates.ts';
import { only, type Servers } from './limits/limit.ts';
import { Meter, totalMicros, type Usage } from './meter.ts';
import { openLoop } from './open-loop.ts';

/** At which latencies are measured: far from saturation for all but the naive one. */
export const STEADY_PER_SECOND = 200;

/** Nobody waits longer. */
const WAIT_SECONDS_MAX = 900;
/** Nor, with few actions, longer than this and a tenth of a second for each: ten times what the slowest one takes. */
const WAIT_SECONDS_MIN = 60;
const WAIT_SECONDS_EACH = 0.1;
/** So long it may take until somebody looks at what Postgres has analyzed. */
const PLANS_MS = 1500;
/** To look costs the database what the contender could use. */
const TALLY_INTERVAL_MS = 500;
/** Looks into this process only. */
const ENDS_INTERVAL_MS = 50;
/** What a run leaves to do in the background (vacuum, checkpoints, collections of garbage) is not idleness. */
const SETTLE_MS = 3000;

export interface ContenderSize {
  /** At saturation, and then in the open loop. Not counted. */
  warmUp: { actions: number; steadySeconds: number };
  steadySeconds: number;
  /** At saturation. */
  actions: number;
  /** 0: idleness is not measured. */
  idleSeconds: number;
}

/** What is found at saturation. */
export interface Saturated {
  actions: number;
  acceptedPerSecond: number;
  /** From the first create to the last end: accepting and completing share the machine, as long as both go on. */
  completedPerSecond: number;
  /** What a create costs the load generator, in microseconds of CPU: on the same cores, and counted nowhere. */
  generatorMicros: number;
  /** By process; undefined where that cannot be told. */
  usage: Usage | undefined;
  /** That were relayed for one action. */
  eventsEach: number;
  /** Creates that were refused for the moment and tried again. */
  refused: number;
}

/** What is found in an open loop, and after it. */
export interface Steady {
  /** From when a create was due to its answer. */
  accept: Latency;
  /** From the answer until the end could be known outside; 0 if that came first. */
  toEnd: Latency;
  /** How late the load generator itself was. */
  lateness: Latency;
  /** Of one core, by all of the contender's own processes, with nothing to do. */
  idleShare: number | undefined;
}

/** Everything about one contender. */
export type Figures = Saturated & Steady;

/** @throws when an action of the contender fails, or is not done in time */
export function measure(
  contender: Contender,
  servers: Servers,
  size: ContenderSize,
): Promise<Figures> {
  return withLoad(contender, size, async (load) => {
    const steady = await inOpenLoop(load, size);
    return { ...steady, ...(await atSaturation(load, servers, size)) };
  });
}

/** @throws as `measure` */
export function measureSteady(contender: Contender, size: ContenderSize): Promise<Steady> {
  return withLoad(contender, size, (load) => inOpenLoop(load, size));
}

/** @throws as `measure` */
export function measureSaturated(
  contender: Contender,
  servers: Servers,
  size: ContenderSize,
): Promise<Saturated> {
  return withLoad(contender, size, (load) => atSaturation(load, servers, size));
}

/** A load generator, and a look into the contender's record. */
interface Load {
  contender: Contender;
  creates: Creates;
  book: pg.Client;
}

/** After the warm-up at saturation, which is not counted. */
async function withLoad<T>(
  contender: Contender,
  { warmUp: { actions } }: ContenderSize,
  work: (load: Load) => Promise<T>,
): Promise<T> {
  const { endpoint, ledger } = contender;
  const creates = new Creates(endpoint);
  const book = new pg.Client({ connectionString: ledger.databaseUrl });
  await book.connect();
  try {
    const { ended } = await tally(ledger, book);
    await creates.saturate(actions);
    await allEnded(ledger, book, ended + actions);
    await analyze(book);
    return await work({ contender, creates, book });
  } finally {
    await book.end();
    await creates.close();
  }
}

async function inOpenLoop({ contender, creates }: Load, size: ContenderSize): Promise<Steady> {
  const watch = await contender.watch();
  try {
    await steady(creates, watch, size.warmUp.steadySeconds); // Not counted.
    const all = await steady(creates, watch, size.steadySeconds);
    const ends = all.map(({ answer: id, answeredAtMs }) => watch.ends.get(id)! - answeredAtMs);
    return {
      accept: latencyOf(all.map(({ dueAtMs, answeredAtMs }) => answeredAtMs - dueAtMs)),
      toEnd: latencyOf(ends.map((ms) => Math.max(0, ms))),
      lateness: latencyOf(all.map(({ dueAtMs, begunAtMs }) => begunAtMs - dueAtMs)),
      idleShare: await measureIdle(contender, size.idleSeconds),
    };
  } finally {
    await watch.stop();
  }
}

async function atSaturation(
  { contender: { processes, servers: used, ledger }, creates, book }: Load,
  servers: Servers,
  { actions }: ContenderSize,
): Promise<Saturated> {
  const before = await tally(ledger, book);
  const roots = only(used, servers);
  const own = process.cpuUsage();
  const { result, usage } = await Meter.during(roots && { ...processes, ...roots }, async () => {
    const beganAtMs = Date.now();
    const acceptSeconds = await creates.saturate(actions);
    const { user, system } = process.cpuUsage(own);
    const { lastEnded, relayed } = await allEnded(ledger, book, before.ended + actions);
    return {
      acceptedPerSecond: actions / acceptSeconds,
      completedPerSecond: actions / ((lastEnded.getTime() - beganAtMs) / 1000),
      eventsEach: (relayed - before.relayed) / actions,
      generatorMicros: (user + system) / actions,
    };
  });
  return { ...result, actions, usage, refused: creates.refused };
}

/** As Postgres does by itself within a minute: from then on plans are kept, and an action costs what it does for good. */
export async function analyze(book: pg.Client): Promise<void> {
  await book.query('ANALYZE');
  await delay(PLANS_MS);
}

/** Creates in an open loop, and waits until all have ended. */
async function steady(creates: Creates, watch: EndWatch, seconds: number) {
  const load = { count: Math.ceil(STEADY_PER_SECOND * seconds), perSecond: STEADY_PER_SECOND };
  const all = await openLoop(load, async () => {
    const id = await creates.one();
    watch.add(id);
    return id;
  });
  await until(
    `the ends of ${load.count} actions are known`,
    waitSecondsMax(load.count),
    () => all.every(({ answer }) => watch.ends.has(answer)),
    ENDS_INTERVAL_MS,
  );
  return all;
}

async function measureIdle({ processes }: Contender, seconds: number) {
  if (seconds === 0) return undefined;
  await delay(SETTLE_MS);
  const { usage } = await Meter.during(processes, () => delay(seconds * 1000));
  return usage && totalMicros(usage) / (seconds * 1_000_000);
}

/** What is broken ends `--quick` soon, and a slow machine does not end a whole run. */
function waitSecondsMax(count: number): number {
  return Math.min(WAIT_SECONDS_MAX, WAIT_SECONDS_MIN + count * WAIT_SECONDS_EACH);
}

interface Tally {
  ended: number;
  failed: number;
  lastEnded: Date;
  left: number;
  relayed: number;
}

/** Waits until so many have ended, and nothing is left to do about them. */
export async function allEnded(ledger: Ledger, book: pg.Client, count: number): Promise<Tally> {
  let last: Tally | undefined;
  await until(
    `${count} actions have ended`,
    waitSecondsMax(count),
    async () => {
      last = await tally(ledger, book);
      if (last.failed > 0) throw new Error(`${last.failed} actions failed`);
      return last.ended >= count && last.left === 0;
    },
    TALLY_INTERVAL_MS,
  );
  return last!;
}

async function tally(ledger: Ledger, book: pg.Client): Promise<Tally> {
  const { rows } = await book.query<Tally>(ledger.tally);
  return rows[0]!;
}
