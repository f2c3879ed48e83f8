import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { EndWatch } from './contender.ts';

/** An end is noticed so much later at most. */
const LOOK_INTERVAL_MS = 5;
/** The pause is so many times what a look took: one over a long backlog must not become the load. */
const PAUSE_SHARE = 4;

/**
 * Asks the table again and again for those that have not ended: for contenders that tell nobody of ends. They are
 * spared what it costs a client to ask over HTTP.
 */
export class TableWatch implements EndWatch {
  readonly ends = new Map<string, number>();
  readonly #pending = new Set<string>();
  readonly #client: pg.Client;
  readonly #sql: string;
  readonly #loop: Promise<void>;
  #stopping = false;

  private constructor(client: pg.Client, sql: string) {
    this.#client = client;
    this.#sql = sql;
    this.#loop = this.#look();
  }

  /** @param sql gives the `id` of those among $1::uuid[] that have ended */
  static async start(databaseUrl: string, sql: string): Promise<TableWatch> {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    return new TableWatch(client, sql);
  }

  add(id: string): void {
    this.#pending.add(id);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#loop;
    await this.#client.end();
  }

  async #look(): Promise<void> {
    while (!this.#stopping) {
      const began = performance.now();
      if (this.#pending.size > 0) {
        const { rows } = await this.#client.query<{ id: string }>({
          name: 'ended',
          text: this.#sql,
          values: [[...this.#pending]],
        });
        const atMs = performance.now();
        for (const { id } of rows) {
          this.#pending.delete(id);
          this.ends.set(id, atMs);
        }
      }
      await delay(Math.max(LOOK_INTERVAL_MS, PAUSE_SHARE * (performance.now() - began)));
    }
  }
}
