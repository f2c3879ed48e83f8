import { setImmediate } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, it } from 'vitest';
import { loadSettings } from '#config/settings';
import type { RequestArrivals } from '#kafka/request-arrivals';
import type { RequestsProgress } from '#kafka/requests-progress';
import type { ProgressWait } from '#kafka/topic-progress';
import { EarlierRequests } from './earlier-requests.ts';

/** Until what was asked for is under way. */
const aTurn = () => setImmediate();

describe('what is on requests before a create', () => {
  let mark: string | undefined;
  let untouched: boolean;
  let looks: PromiseWithResolvers<ProgressWait>[];
  let earlier: EarlierRequests;

  const begin = (env: Record<string, string> = {}) => {
    const arrivals = {
      get mark() {
        return mark;
      },
    } as RequestArrivals;
    const progress = {
      get untouched() {
        return untouched;
      },
      waitUntilPassed: () => {
        const look = Promise.withResolvers<ProgressWait>();
        looks.push(look);
        return look.promise;
      },
    } as unknown as RequestsProgress;
    return new EarlierRequests(arrivals, progress, loadSettings(env));
  };
  /** Asks, with this outcome if a look is taken. @returns whether one was */
  const looksWith = async (outcome: ProgressWait) => {
    const before = looks.length;
    const asked = earlier.areCommands();
    await aTurn();
    looks[before]?.resolve(outcome);
    await asked;
    return looks.length > before;
  };

  beforeEach(() => {
    Logger.overrideLogger(false);
    mark = '1/0';
    untouched = true;
    looks = [];
    earlier = begin();
  });

  it('is looked for once while nobody uses that door', async () => {
    expect(await looksWith('reached')).toBe(true);
    expect(await looksWith('reached')).toBe(false);
  });

  it('is looked for each time once something has come', async () => {
    expect(await looksWith('reached')).toBe(true);
    mark = '1/1';
    untouched = false;
    expect(await looksWith('reached')).toBe(true);
    expect(await looksWith('reached')).toBe(true);
  });

  it('is looked for each time if something had come before this process heard of anything', async () => {
    untouched = false;
    expect(await looksWith('reached')).toBe(true);
    expect(await looksWith('reached')).toBe(true);
  });

  it('is looked for each time while this process may not hear of it', async () => {
    mark = undefined;
    expect(await looksWith('reached')).toBe(true);
    expect(await looksWith('reached')).toBe(true);
  });

  it('is looked for again if something came during the look', async () => {
    const asked = earlier.areCommands();
    await aTurn();
    mark = '1/1';
    looks[0]!.resolve('reached');
    await asked;
    expect(await looksWith('reached')).toBe(true);
  });

  it('is not taken for done with when Kafka could not tell', async () => {
    expect(await looksWith('unreadable')).toBe(true);
    expect(await looksWith('reached')).toBe(true);
  });

  it('is overtaken while the door is far behind, and no longer', async () => {
    expect(await looksWith('notReached')).toBe(true);
    expect(looks).toHaveLength(2);
    expect(await looksWith('reached')).toBe(false);
    looks[1]!.resolve('notReached');
    await expect.poll(() => looks.length).toBe(3);
    expect(await looksWith('reached')).toBe(false);
    looks[2]!.resolve('reached');
    await expect.poll(() => looksWith('reached')).toBe(true);
  });

  it('need not be when REQUESTS_WAIT_MS is 0', async () => {
    earlier = begin({ REQUESTS_WAIT_MS: '0' });
    expect(await looksWith('reached')).toBe(false);
  });
});
