import type { TestDatabase } from './database.ts';

/*
 * What holds in the database whenever no transaction is under way, one query a rule; each returns what breaks it.
 */
const RULES: Record<string, string> = {
  'the version is the number of events, numbered 1, 2, 3 … without gaps': `
    SELECT a."id" FROM "security_action" a LEFT JOIN "security_action_event" e
        ON e."azureTenantId" = a."azureTenantId" AND e."actionId" = a."id"
     GROUP BY a."azureTenantId", a."id"
    HAVING count(e.*) <> a."version" OR max(e."sequence") IS DISTINCT FROM a."version"
        OR min(e."sequence") IS DISTINCT FROM 1`,
  'the end and its error are those of the event that ended it': `
    SELECT a."id" FROM "security_action" a JOIN "security_action_event" e
        ON e."azureTenantId" = a."azureTenantId" AND e."actionId" = a."id"
       AND e."changedStatus" AND e."status" IN ('Completed', 'Failed')
     WHERE e."dateTime" <> a."completedDateTime"
        OR (a."status" = 'Failed' AND a."errorInfo" IS DISTINCT FROM e."errorInfo")`,
  'the status and its time are those of the newest event': `
    SELECT a."id" FROM "security_action" a JOIN "security_action_event" e
        ON e."azureTenantId" = a."azureTenantId" AND e."actionId" = a."id"
       AND e."sequence" = a."version"
     WHERE e."status" <> a."status" OR e."dateTime" <> a."lastActionDateTime"`,
  'no event is before the one before it, none before the creation': `
    SELECT a."id" FROM "security_action" a JOIN (
      SELECT *, lag("dateTime") OVER (PARTITION BY "azureTenantId", "actionId" ORDER BY "sequence") AS "before"
        FROM "security_action_event") e
        ON e."azureTenantId" = a."azureTenantId" AND e."actionId" = a."id"
     WHERE e."dateTime" < coalesce(e."before", a."createdDateTime")`,
  'no other status follows a terminal one': `
    SELECT e."actionId" FROM "security_action_event" e JOIN "security_action_event" next
     USING ("azureTenantId", "actionId")
     WHERE next."sequence" > e."sequence" AND e."status" IN ('Completed', 'Failed')
       AND next."changedStatus"`,
  'what says that it will be reverted has a timer, or has been; nothing else has one': `
    SELECT a."id" FROM "security_action" a LEFT JOIN "security_action_revert" t
        ON t."azureTenantId" = a."azureTenantId" AND t."actionId" = a."id"
     WHERE (t."actionId" IS NOT NULL)
        <> (num_nonnulls(a."revertDateTime", a."revertAfter") = 1 AND a."revertedByActionId" IS NULL)`,
  'what has not ended has work, what has ended has none': `
    SELECT a."id" FROM "security_action" a LEFT JOIN "security_action_work" w
        ON w."azureTenantId" = a."azureTenantId" AND w."actionId" = a."id"
     WHERE (w."actionId" IS NULL) <> (a."completedDateTime" IS NOT NULL)`,
  'of each target the first is ready, and only the first': `
    SELECT w."actionId" FROM (
      SELECT *, row_number() OVER (PARTITION BY "azureTenantId", "targetKey" ORDER BY "position") AS "place"
        FROM "security_action_work") w
     WHERE w."ready" <> (w."targetKey" IS NULL OR w."place" = 1)`,
  'a lease has an owner, an end and an attempt, or none of them': `
    SELECT "actionId" FROM "security_action_work"
     WHERE num_nulls("leaseOwner", "leaseUntil", "attemptId") NOT IN (0, 3)
        OR ("leaseOwner" IS NOT NULL AND ("attempt" = 0 OR NOT "ready"))`,
  'the outbox has the events of each action in their order, once': `
    SELECT "actionId" FROM (
      SELECT *, lag("sequence") OVER (PARTITION BY "azureTenantId", "actionId" ORDER BY "position") AS "before"
        FROM "outbox") o
     WHERE "before" >= "sequence"`,
};

/** @throws Error that names every broken rule and the actions that break it */
export async function assertSound(database: TestDatabase): Promise<void> {
  const broken: string[] = [];
  for (const [rule, sql] of Object.entries(RULES)) {
    const rows = await database.query(sql);
    if (rows.length > 0) broken.push(`${rule}: not so for ${JSON.stringify(rows)}`);
  }
  if (broken.length > 0) throw new Error(`The record is not sound:\n${broken.join('\n')}`);
}
