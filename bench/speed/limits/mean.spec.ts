import { expect, it } from 'vitest';
import { meanOf } from './mean.ts';

const limits = (times: number, micros: number | undefined = 10 * times) => {
  const limit = { perSecond: 1000 / times, micros };
  const send = { p50: times, p99: 5 * times };
  const answer = { p50: 3 * times, p99: 4 * times };
  return {
    http: { create: limit, answer },
    kafka: {
      produce: new Map([
        [1, limit],
        [50, limit],
      ]),
      send,
      consume: limit,
    },
    sql: { transitions: limit, copy: limit },
  };
};

it('takes the mean of every limit, of its rate, its CPU and its latencies', () => {
  const both = { perSecond: (1000 + 500) / 2, micros: 15 };
  expect(meanOf(limits(1), limits(2))).toEqual({
    http: { create: both, answer: { p50: 4.5, p99: 6 } },
    kafka: {
      produce: new Map([
        [1, both],
        [50, both],
      ]),
      send: { p50: 1.5, p99: 7.5 },
      consume: both,
    },
    sql: { transitions: both, copy: both },
  });
});

it('knows no CPU where one of the two does not', () => {
  const unknown = { ...limits(2).http, create: { perSecond: 500, micros: undefined } };
  const { http } = meanOf(limits(1), { ...limits(2), http: unknown });
  expect(http.create).toEqual({ perSecond: 750, micros: undefined });
});
