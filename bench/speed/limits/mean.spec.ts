import { expect, it } from 'vitest';
import { meanCosts, meanLatencies } from './mean.ts';

const costs = (times: number) => {
  const limit = { perSecond: 1000 / times, micros: 10 * times };
  return {
    http: limit,
    kafka: {
      produce: new Map([
        [1, limit],
        [50, limit],
      ]),
      rawProduce: limit,
      consume: limit,
    },
    sql: { transitions: limit, copy: limit },
  };
};

const latencies = (times: number) => ({
  http: { p50: 3 * times, p99: 4 * times },
  send: { p50: times, p99: 5 * times },
});

it('takes the mean of every cost, of its rate and its CPU', () => {
  const both = { perSecond: (1000 + 500) / 2, micros: 15 };
  expect(meanCosts(costs(1), costs(2))).toEqual({
    http: both,
    kafka: {
      produce: new Map([
        [1, both],
        [50, both],
      ]),
      rawProduce: both,
      consume: both,
    },
    sql: { transitions: both, copy: both },
  });
});

it('takes the mean of every latency', () => {
  expect(meanLatencies(latencies(1), latencies(2))).toEqual({
    http: { p50: 4.5, p99: 6 },
    send: { p50: 1.5, p99: 7.5 },
  });
});

it('knows no CPU where one of the two does not', () => {
  const unknown = { ...costs(2), http: { perSecond: 500, micros: undefined } };
  expect(meanCosts(costs(1), unknown).http).toEqual({ perSecond: 750, micros: undefined });
});
