import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withHeartbeat } from './heartbeat.ts';

const rebalance = Object.assign(new Error('rebalance'), { type: 'REBALANCE_IN_PROGRESS' });

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('withHeartbeat', () => {
  it('beats every second while the work lasts, and not a moment longer', async () => {
    const heartbeat = vi.fn<() => Promise<void>>().mockResolvedValue();
    const work = Promise.withResolvers<void>();
    const attended = withHeartbeat(heartbeat, () => work.promise);
    await vi.advanceTimersByTimeAsync(20_500);
    expect(heartbeat).toHaveBeenCalledTimes(20);
    work.resolve();
    expect(await attended).toEqual({ failure: undefined, heartbeatError: undefined });
    await vi.advanceTimersByTimeAsync(5000);
    expect(heartbeat).toHaveBeenCalledTimes(20);
  });

  it('lets the work end before it tells that the group is rebalancing', async () => {
    const heartbeat = vi.fn<() => Promise<void>>().mockRejectedValue(rebalance);
    const work = Promise.withResolvers<void>();
    const attended = withHeartbeat(heartbeat, () => work.promise);
    await vi.advanceTimersByTimeAsync(2500);
    work.resolve();
    expect(await attended).toEqual({ failure: undefined, heartbeatError: rebalance });
  });

  it('forgets a heartbeat that failed once a later one gets through', async () => {
    const heartbeat = vi
      .fn<() => Promise<void>>()
      .mockResolvedValue()
      .mockRejectedValueOnce(new Error('connection lost'));
    const work = Promise.withResolvers<void>();
    const attended = withHeartbeat(heartbeat, () => work.promise);
    await vi.advanceTimersByTimeAsync(2500);
    work.resolve();
    expect((await attended).heartbeatError).toBeUndefined();
  });

  it('hands over what the work threw', async () => {
    const error = new Error('the database is away');
    const attended = withHeartbeat(
      () => Promise.resolve(),
      () => Promise.reject(error),
    );
    expect((await attended).failure).toEqual({ error });
  });
});
