import { type Latency, latencyOf } from '../../latency.ts';
import { openLoop } from '../open-loop.ts';

/** How long something takes in an open loop, from when it was due. */
export type Steadily = (request: (number: number) => Promise<unknown>) => Promise<Latency>;

/** Once for as long without counting, as of the contenders. */
export function steadily(perSecond: number, seconds: number): Steadily {
  const load = { count: Math.ceil(perSecond * seconds), perSecond };
  return async (request) => {
    await openLoop(load, request);
    const all = await openLoop(load, request);
    return latencyOf(all.map(({ dueAtMs, answeredAtMs }) => answeredAtMs - dueAtMs));
  };
}
