import { type Latency, latencyOf } from '../latency.ts';
import type { Creates } from '../speed/creates.ts';
import type { EventsWatch } from '../speed/events-watch.ts';
import { Meter, type Roots, type Usage } from '../speed/meter.ts';
import { openLoop, thriftyClock, type Timed } from '../speed/open-loop.ts';
import { until } from '../until.ts';
import type { CommandLag } from './command-lag.ts';
import type { HotTables, TableState } from './hot-tables.ts';

/** An action of a system that keeps up ends in milliseconds. */
const END_SECONDS_MAX = 300;
const ENDS_INTERVAL_MS = 200;

/** A load and those who look on. */
export interface Load {
  perSecond: number;
  /** How long an interval is. */
  seconds: number;
  creates: Creates;
  watch: EventsWatch;
  lag: CommandLag;
  tables: HotTables;
  /** Undefined where processes cannot be looked into. */
  roots: Roots | undefined;
}

/** What an interval was like. */
export interface Interval {
  acceptedPerSecond: number;
  accept: Latency;
  toEnd: Latency;
  /** How late the load generator itself was. */
  lateness: Latency;
  usage: Usage | undefined;
  /** At its end: commands that are not stored. */
  lag: number;
  /** At its end. */
  tables: Record<string, TableState>;
}

/**
 * Creates for one interval.
 * @returns once all are answered; `found` once they have ended. Wrapped, so that to await the one is not to await the other
 */
export async function loadFor(load: Load): Promise<{ found: Promise<Interval> }> {
  const { perSecond, seconds, creates, roots } = load;
  const count = Math.max(1, Math.round(perSecond * seconds));
  const began = performance.now();
  const { result: all, usage } = await Meter.during(roots, () =>
    openLoop({ count, perSecond }, () => creates.one(), thriftyClock),
  );
  const acceptedPerSecond = (count * 1000) / (performance.now() - began);
  return { found: look(load, all, acceptedPerSecond, usage) };
}

async function look(
  { watch, lag, tables }: Load,
  all: Timed<string>[],
  acceptedPerSecond: number,
  usage: Usage | undefined,
): Promise<Interval> {
  const [lagNow, tablesNow, ends] = await Promise.all([
    lag.read(),
    tables.read(),
    endsOf(all, watch),
  ]);
  return {
    acceptedPerSecond,
    accept: latencyOf(all.map(({ dueAtMs, answeredAtMs }) => answeredAtMs - dueAtMs)),
    toEnd: latencyOf(ends),
    lateness: latencyOf(all.map(({ dueAtMs, begunAtMs }) => begunAtMs - dueAtMs)),
    usage,
    lag: lagNow,
    tables: tablesNow,
  };
}

/** From the answer to the end, in milliseconds. Has the watch forget them: over a soak they would fill the memory. */
async function endsOf(all: readonly Timed<string>[], { ends }: EventsWatch): Promise<number[]> {
  const latencies: number[] = [];
  let waiting = all;
  const take = ({ answer, answeredAtMs }: Timed<string>) => {
    const endedAtMs = ends.get(answer);
    if (endedAtMs === undefined) return true;
    ends.delete(answer);
    latencies.push(Math.max(0, endedAtMs - answeredAtMs));
    return false;
  };
  await until(
    `the ends of ${all.length} actions are known`,
    END_SECONDS_MAX,
    () => {
      waiting = waiting.filter(take);
      return waiting.length === 0;
    },
    ENDS_INTERVAL_MS,
  );
  return latencies;
}
