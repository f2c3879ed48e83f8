/**
 * Finds and locks the rows of claims: $1 their tenants, $2 their action ids, $3 their attempt ids. Whose attempt id is not on
 * record any more is not among them. In the order that every lock on several rows of this table follows, so that none waits in
 * a circle.
 *
 * By lists of ids, and not by a join with them: Postgres often takes the table for empty, which it is between two batches,
 * and a join with an empty table is planned to read all of it. With lists there is no way but to look them up.
 * @param isHeld that its attempt id is among $3, where that can be told without a look at each of them
 * @param wait `SKIP LOCKED` to pass over those that somebody else has locked
 */
export const lockHeldRows = (
  condition = '',
  isHeld = 'w."attemptId" = ANY($3::uuid[])',
  wait: '' | 'SKIP LOCKED' = '',
) => `
  SELECT w."azureTenantId", w."actionId", w."position", w."attemptId", w."attempt", w."targetKey"
    FROM "security_action_work" w
   WHERE w."azureTenantId" = ANY($1::text[]) AND w."actionId" = ANY($2::uuid[])
     AND ${isHeld} ${condition}
   ORDER BY w."azureTenantId", w."targetKey", w."actionId" FOR UPDATE OF w ${wait}`;

/** Has Postgres look up rows of `w`, the table of work, by the ids in a CTE; for the reason see `lockHeldRows`. Not only those. */
export const foundByIdsOf = (cte: string) => `
  w."azureTenantId" = ANY(ARRAY(SELECT ${cte}."azureTenantId" FROM ${cte}))
  AND w."actionId" = ANY(ARRAY(SELECT ${cte}."actionId" FROM ${cte}))`;

/** The rows of `w` that a CTE names by their ids and `position`, and no others: two tenants may have an action of one id. */
export const onlyThoseOf = (cte: string) => `
  ${foundByIdsOf(cte)} AND w."position" = ANY(ARRAY(SELECT ${cte}."position" FROM ${cte}))`;
