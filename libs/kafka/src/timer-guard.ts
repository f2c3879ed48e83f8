import { createRequire } from 'node:module';

/*
 * kafkajs 2.2.4 re-arms a timer of "-1 - now" milliseconds on every connection, for ever: about 900 wake-ups
 * a second and 5 % of a core each, with nothing to do. This replaces that one method by one that arms the
 * timer only while requests wait for it.
 */

interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

/** How often kafkajs itself looks when it is not throttled but has too much in flight. */
const CHECK_INTERVAL_MS = 10;

function scheduleCheckPendingRequests(this: RequestQueue): void {
  if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
  const throttledForMs = this.throttledUntil - Date.now();
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    },
    throttledForMs > 0 ? throttledForMs : CHECK_INTERVAL_MS,
  );
}

/**
 * Puts the guard in place; once per process is enough, more does no harm.
 * @throws Error when this kafkajs has no such method any more: then the guard must be looked at again.
 */
export function installTimerGuard(): void {
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
  if (typeof prototype.scheduleCheckPendingRequests !== 'function') {
    throw new Error(
      'kafkajs has another RequestQueue than the pinned 2.2.4: review timer-guard.ts',
    );
  }
  prototype.scheduleCheckPendingRequests = scheduleCheckPendingRequests;
}
