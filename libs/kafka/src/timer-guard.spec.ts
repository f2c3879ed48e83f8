import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { installTimerGuard } from './timer-guard.ts';

const load = createRequire(import.meta.url);

interface Queue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  push(request: object): void;
  checkPendingRequests(): void;
  fulfillRequest(response: object): void;
}
const RequestQueue = load('kafkajs/src/network/requestQueue') as new (options: object) => Queue;

function queue(maxInFlightRequests: number | null = null): Queue {
  return new RequestQueue({
    maxInFlightRequests,
    requestTimeout: 1000,
    logger: { debug: () => undefined },
  });
}

function request(correlationId: number, sendRequest: () => void): object {
  const entry = { correlationId, resolve: () => undefined, reject: () => undefined };
  return { entry, expectResponse: true, sendRequest };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('the guard against idle timers', () => {
  it('is written for the pinned kafkajs, whose method still has the fault', () => {
    const { version } = load('kafkajs/package.json') as { version: string };
    const source = readFileSync(load.resolve('kafkajs/src/network/requestQueue'), 'utf8');
    expect(version).toBe('2.2.4');
    expect(source.slice(source.indexOf('\n  scheduleCheckPendingRequests() {')))
      .toMatchInlineSnapshot(`
      "
        scheduleCheckPendingRequests() {
          // If we're throttled: Schedule checkPendingRequests when the throttle
          // should be resolved. If there is already something scheduled we assume that that
          // will be fine, and potentially fix up a new timeout if needed at that time.
          // Note that if we're merely "overloaded" by having too many inflight requests
          // we will anyways check the queue when one of them gets fulfilled.
          let scheduleAt = this.throttledUntil - Date.now()
          if (!this.throttleCheckTimeoutId) {
            if (this.pending.length > 0) {
              scheduleAt = scheduleAt > 0 ? scheduleAt : CHECK_PENDING_REQUESTS_INTERVAL
            }
            this.throttleCheckTimeoutId = setTimeout(() => {
              this.throttleCheckTimeoutId = null
              this.checkPendingRequests()
            }, scheduleAt)
          }
        }
      }
      "
    `);
  });

  it('arms no timer while nothing waits', () => {
    installTimerGuard();
    const idle = queue();
    idle.checkPendingRequests();
    expect(idle.throttleCheckTimeoutId).toBeNull();
  });

  it('sends what was throttled once the throttle is over', () => {
    installTimerGuard();
    vi.useFakeTimers();
    const throttled = queue();
    throttled.throttledUntil = Date.now() + 500;
    const sent = vi.fn<() => void>();
    throttled.push(request(1, sent));
    vi.advanceTimersByTime(490);
    expect(sent).not.toHaveBeenCalled();
    vi.advanceTimersByTime(30);
    expect(sent).toHaveBeenCalledOnce();
    expect(throttled.pending).toEqual([]);
  });

  it('sends what had to wait for a place as soon as there is one', () => {
    installTimerGuard();
    vi.useFakeTimers();
    const full = queue(1);
    const second = vi.fn<() => void>();
    full.push(request(1, () => undefined));
    full.push(request(2, second));
    vi.advanceTimersByTime(100);
    expect(second).not.toHaveBeenCalled();
    full.fulfillRequest({ correlationId: 1, payload: null, size: 0 });
    expect(second).toHaveBeenCalledOnce();
  });
});
