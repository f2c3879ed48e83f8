import type { Database } from './action-row.ts';
import type { Claim } from './claim.queries.ts';
import type { Statement } from './impatient-client.ts';
import { plainArray, textArray } from './array-text.ts';
import { prepared } from './prepared.ts';
import { sentWithNext } from './sent-with-next.ts';
import { standingHold } from './standing-hold.ts';

/*
 * How a hold and a claim decide which of them came first. A claim shares the guard and only then, in a statement of
 * its own with a fresh snapshot, looks at the holds; a hold takes the guard for itself before it is written. So once a
 * hold has committed, every claim that did not see it has committed too, and shows among what is in flight.
 */

/**
 * To be run before a claim, in its transaction. Claims do not wait for each other. A lock of the table and not of its row:
 * that would be a write for each look at the work, also for those that find nothing.
 */
export async function shareHoldGuard(database: Database): Promise<void> {
  await database.query(SHARE);
}

const SHARE = sentWithNext(`LOCK TABLE "hold_guard" IN ROW SHARE MODE`);

/**
 * To be run before a hold is written, in its transaction; waits for the claims under way. It takes the whole table,
 * because who waits for a row that others share can be overtaken by new sharers without end: claims that never pause
 * would keep an emergency stop waiting. For a table they queue up behind it.
 */
export async function takeHoldGuard(database: Database): Promise<void> {
  await database.query(`LOCK TABLE "hold_guard" IN EXCLUSIVE MODE`);
}

/**
 * Has the transaction fail if a standing hold covers any of these: to be said with the guard shared, of what was started
 * before it was. A hold that does not show now comes after this transaction, and finds them in flight.
 *
 * Nobody waits for the answer: what fails is the next statement (`isStartedUnderHold` tells), be it the COMMIT.
 */
export async function refuseIfHeld(database: Database, claims: WhatStarts[]): Promise<void> {
  const { text, values } = refusal(claims);
  await database.query(text, values);
}

/**
 * `shareHoldGuard` and `refuseIfHeld`, to be sent along with what starts these, and after it. If that has stored none of them,
 * there is nothing to refuse.
 */
export function holdGuard(claims: WhatStarts[]): Statement[] {
  return [{ text: SHARE, values: [] }, refusal(claims)];
}

/** What is to start, and by what a hold may cover it. */
type WhatStarts = Pick<Claim, 'azureTenantId' | 'actionId' | 'providerKey' | 'actionName'>;

function refusal(claims: WhatStarts[]): Statement {
  return {
    text: REFUSE_IF_HELD,
    values: [
      textArray(claims.map(({ azureTenantId }) => azureTenantId)),
      plainArray(claims.map(({ actionId }) => actionId)),
      textArray(claims.map(({ providerKey }) => providerKey)),
      textArray(claims.map(({ actionName }) => actionName)),
    ],
  };
}

// Materialized: else Postgres looks for the work of each before it looks for a hold, and there is hardly ever one.
const REFUSE_IF_HELD = sentWithNext(
  prepared(`
  WITH covered AS MATERIALIZED (
    SELECT started."azureTenantId", started."actionId"
      FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[])
        AS started("azureTenantId", "actionId", "providerKey", "actionName")
     WHERE EXISTS (${standingHold('started')})
  )
  SELECT "raise_started_under_hold"() FROM covered
   WHERE (SELECT true FROM "security_action_work" w
           WHERE w."azureTenantId" = covered."azureTenantId" AND w."actionId" = covered."actionId" LIMIT 1)
   LIMIT 1`),
);
