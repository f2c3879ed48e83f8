import type { Latency } from '../../latency.ts';
import type { Costs, Latencies } from '../report.ts';
import type { Limit } from './limit.ts';

/** The mean of the same costs, measured twice: a machine that others use too is not as fast all the time. */
export function meanCosts(one: Costs, other: Costs): Costs {
  return {
    http: limit(one.http, other.http),
    kafka: {
      produce: new Map(
        [...one.kafka.produce].map(([batch, produced]) => {
          return [batch, limit(produced, other.kafka.produce.get(batch)!)];
        }),
      ),
      rawProduce: limit(one.kafka.rawProduce, other.kafka.rawProduce),
      consume: limit(one.kafka.consume, other.kafka.consume),
    },
    sql: {
      transitions: limit(one.sql.transitions, other.sql.transitions),
      copy: limit(one.sql.copy, other.sql.copy),
    },
  };
}

/** The same of latencies. */
export function meanLatencies(one: Latencies, other: Latencies): Latencies {
  return { http: latency(one.http, other.http), send: latency(one.send, other.send) };
}

function limit(one: Limit, other: Limit): Limit {
  const micros =
    one.micros === undefined || other.micros === undefined
      ? undefined
      : mean(one.micros, other.micros);
  return { perSecond: mean(one.perSecond, other.perSecond), micros };
}

function latency(one: Latency, other: Latency): Latency {
  return { p50: mean(one.p50, other.p50), p99: mean(one.p99, other.p99) };
}

function mean(one: number, other: number): number {
  return (one + other) / 2;
}
