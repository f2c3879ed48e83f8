import { randomUUID } from 'node:crypto';
import { removeOldActions } from '#database/remove-old-actions';
import { findNextTenant, findOldSlice } from '#database/retention.queries';
import { type CommandChoice, type TestDatabase, command } from './database.ts';

/** How long ago the last must be that happened to what these tests have removed. */
export const AGE_MS = 30 * 86_400_000;

/** Actions that ended long ago, and their removal. */
export class OldActions {
  readonly #database: TestDatabase;

  constructor(database: TestDatabase) {
    this.#database = database;
  }

  /** Does all that is to be done, and has it published. */
  async end(): Promise<void> {
    for (const claim of await this.#database.claim(1000)) {
      await this.#database.settle({ ...claim, type: 'completed' });
    }
    await this.#database.query('TRUNCATE outbox');
  }

  /** Stores an action, on a target of its own unless it is told which, and ends it. */
  async ended(choice: CommandChoice = {}): Promise<string> {
    const sent = command({ target: randomUUID(), ...choice });
    await this.#database.ingest(sent);
    await this.end();
    return sent.action.id;
  }

  /** The same, so many days ago. */
  async old(choice: CommandChoice = {}, days = 31): Promise<string> {
    const id = await this.ended(choice);
    await this.age(days, id);
    return id;
  }

  /** As if all that is said of these actions had been so many days before. */
  async age(days: number, ...ids: string[]): Promise<void> {
    await this.#database.query(
      `UPDATE security_action SET "createdDateTime" = "createdDateTime" - $1 * interval '1 day',
              "lastActionDateTime" = "lastActionDateTime" - $1 * interval '1 day',
              "completedDateTime" = "completedDateTime" - $1 * interval '1 day' WHERE id = ANY($2)`,
      [days, ids],
    );
    await this.#database.query(
      `UPDATE security_action_event SET "dateTime" = "dateTime" - $1 * interval '1 day' WHERE "actionId" = ANY($2)`,
      [days, ids],
    );
    await this.#database.query(
      `UPDATE idempotency_key SET "usedDateTime" = "usedDateTime" - $1 * interval '1 day' WHERE "actionId" = ANY($2)`,
      [days, ids],
    );
  }

  /** Walks once over all tenants, as a worker does. @returns how many went in each step */
  async walk(limit = 100): Promise<number[]> {
    const { manager } = this.#database;
    const steps: number[] = [];
    let tenant = await findNextTenant(manager, '');
    let after = '0';
    while (tenant !== undefined) {
      const slice = await findOldSlice(manager, tenant, { after, ageMs: AGE_MS, limit });
      if (slice) {
        steps.push(
          await this.#database.inTransaction((inner) => removeOldActions(inner, slice, AGE_MS)),
        );
        after = slice.to;
      } else {
        tenant = await findNextTenant(manager, tenant);
        after = '0';
      }
    }
    return steps;
  }

  /** How many a walk removes. */
  async removed(): Promise<number> {
    return (await this.walk()).reduce((sum, count) => sum + count, 0);
  }

  /** What there is, in the order of the walk. */
  async left(): Promise<string[]> {
    const rows = await this.#database.query<{ id: string }>(
      'SELECT id FROM security_action ORDER BY "azureTenantId", position',
    );
    return rows.map(({ id }) => id);
  }
}
