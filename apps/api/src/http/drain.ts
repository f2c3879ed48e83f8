import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { ShortLivedSet } from '#domain/short-lived';

const SWEEP_INTERVAL_MS = 25;
/** A connection that has begun nothing for so long after the last answer is not worth waiting for. */
const QUIET_MS = 250;

/**
 * Ends servers without losing what they have begun: each request under way is answered, with
 * `Connection: close`, and no connection outlives its answer.
 */
export class Drain {
  readonly #servers: Server[] = [];
  readonly #open = new ShortLivedSet<ServerResponse>();
  #closing = false;

  /** Before the server serves its first request. */
  watch(server: Server): void {
    this.#servers.push(server);
    // Ahead of the handler, which may answer at once.
    server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
      this.#open.add(response);
      response.once('close', () => this.#open.delete(response));
      if (this.#closing) response.shouldKeepAlive = false;
    });
  }

  /** Resolves when the last connection is gone; `graceMs` from now at the latest, by force then. */
  async finish(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const response of this.#open) response.shouldKeepAlive = false;
    const deadline = performance.now() + graceMs;
    let busyAt = performance.now();
    const sweep = setInterval(() => {
      const now = performance.now();
      if (this.#open.size > 0) busyAt = now;
      const over = now >= deadline || now - busyAt >= QUIET_MS;
      for (const server of this.#servers) {
        if (over) server.closeAllConnections();
        else server.closeIdleConnections();
      }
    }, SWEEP_INTERVAL_MS);
    await Promise.all(this.#servers.map(closed));
    clearInterval(sweep);
  }
}

/** A server that never listened is closed already. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
