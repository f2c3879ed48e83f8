import type { Latency } from '../../latency.ts';
import type { Limits } from '../report.ts';
import type { Limit } from './limit.ts';

/** The mean of the same limits, measured twice: a machine that others use too is not as fast all the time. */
export function meanOf(one: Limits, other: Limits): Limits {
  return {
    http: {
      create: limit(one.http.create, other.http.create),
      answer: latency(one.http.answer, other.http.answer),
    },
    kafka: {
      produce: new Map(
        [...one.kafka.produce].map(([batch, produced]) => {
          return [batch, limit(produced, other.kafka.produce.get(batch)!)];
        }),
      ),
      send: latency(one.kafka.send, other.kafka.send),
      consume: limit(one.kafka.consume, other.kafka.consume),
    },
    sql: {
      transitions: limit(one.sql.transitions, other.sql.transitions),
      copy: limit(one.sql.copy, other.sql.copy),
    },
  };
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
