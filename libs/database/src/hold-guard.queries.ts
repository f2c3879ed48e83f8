import type { Database } from './action-row.ts';

/*
 * How a hold and a claim decide which of them came first. A claim shares the guard row and only then, in a statement
 * of its own with a fresh snapshot, looks at the holds; a hold takes the guard for itself before it is written. So
 * once a hold has committed, every claim that did not see it has committed too, and shows among what is in flight.
 */

const GUARD = 'dispatch';

/** To be run before a claim, in its transaction. Claims do not wait for each other. */
export async function shareHoldGuard(database: Database): Promise<void> {
  await database.query(`SELECT FROM "hold_guard" WHERE "name" = $1 FOR SHARE`, [GUARD]);
}
