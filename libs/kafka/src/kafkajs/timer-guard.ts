import { createRequire } from 'node:module';
import { ShortLivedMap } from '#domain/short-lived';

/*
 * kafkajs 2.2.4 wakes up for nothing on every connection, for ever: about 900 times a second by a timer of "-1 - now"
 * milliseconds that arms itself again, and ten times a second to look for requests that take too long. A process has up to
 * thirty connections. This replaces both: a timer is armed only while requests wait for it, and only for the first of them. And
 * what is in flight is kept in a ShortLivedMap.
 */

interface SocketRequest {
  /** By `Date.now()`. */
  sentAt: number;
  requestTimeout: number;
  timeoutRequest(): void;
}

interface RequestQueue {
  pending: unknown[];
  inflight: Map<number, SocketRequest> | ShortLivedMap<number, SocketRequest>;
  enforceRequestTimeout: boolean;
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  /** kafkajs's name, and cleared by its `destroy`. */
  requestTimeoutIntervalId?: NodeJS.Timeout;
  /** Ours: for when that is armed, by `Date.now()`. */
  timeoutCheckAtMs?: number | undefined;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests: (this: RequestQueue) => void;
  scheduleRequestTimeoutCheck: (this: RequestQueue) => void;
  sendSocketRequest: (this: RequestQueue, request: SocketRequest) => void;
  destroy: (this: RequestQueue) => void;
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

/** Called when a connection is made: what is in flight is left over from one before. */
function scheduleRequestTimeoutCheck(this: RequestQueue): void {
  this.inflight = new ShortLivedMap(this.inflight);
  this.destroy();
}

/** Sees to it that this request is looked at when its time is over; an earlier look will do, and arms the next one. */
function watchTimeout(queue: RequestQueue, { sentAt, requestTimeout }: SocketRequest): void {
  const overAtMs = sentAt + requestTimeout;
  if (queue.timeoutCheckAtMs !== undefined && queue.timeoutCheckAtMs <= overAtMs) return;
  clearTimeout(queue.requestTimeoutIntervalId);
  queue.timeoutCheckAtMs = overAtMs;
  // It is over once it took longer, not as long. The clock may have been set: never longer than the request may take.
  const waitMs = Math.min(Math.max(overAtMs - Date.now(), 0), requestTimeout) + 1;
  queue.requestTimeoutIntervalId = setTimeout(() => timeOut(queue), waitMs);
  // An answer is waited for as long as there is the connection, and no longer.
  queue.requestTimeoutIntervalId.unref();
}

function timeOut(queue: RequestQueue): void {
  queue.timeoutCheckAtMs = undefined;
  for (const request of queue.inflight.values()) {
    if (Date.now() - request.sentAt > request.requestTimeout) request.timeoutRequest();
  }
  for (const request of queue.inflight.values()) watchTimeout(queue, request);
}

/**
 * Called when a connection was closed. kafkajs waits before that until nothing is in flight, and takes requests until it has
 * closed it: what comes in between is never answered, and was waited for without end.
 */
function watchLeftOver(queue: RequestQueue): void {
  if (!queue.enforceRequestTimeout) return;
  for (const request of queue.inflight.values()) watchTimeout(queue, request);
  queue.scheduleCheckPendingRequests();
}

/**
 * Puts the guard in place; once per process is enough, more does no harm.
 * @throws Error when this kafkajs has no such methods any more: then the guard must be looked at again.
 */
export function installTimerGuard(): void {
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
  if (prototype.scheduleRequestTimeoutCheck === scheduleRequestTimeoutCheck) return;
  const { sendSocketRequest, destroy } = prototype;
  for (const method of [
    prototype.scheduleCheckPendingRequests,
    prototype.scheduleRequestTimeoutCheck,
    sendSocketRequest,
    destroy,
  ]) {
    if (typeof method !== 'function') {
      throw new Error(
        'kafkajs has another RequestQueue than the pinned 2.2.4: review timer-guard.ts',
      );
    }
  }
  prototype.scheduleCheckPendingRequests = scheduleCheckPendingRequests;
  prototype.scheduleRequestTimeoutCheck = scheduleRequestTimeoutCheck;
  prototype.sendSocketRequest = function (request) {
    sendSocketRequest.call(this, request);
    if (this.enforceRequestTimeout) watchTimeout(this, request);
  };
  prototype.destroy = function () {
    destroy.call(this);
    this.timeoutCheckAtMs = undefined;
    watchLeftOver(this);
  };
}
