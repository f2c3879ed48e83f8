/** Runs SQL in the database of the product. */
type RunSql = (sql: string, values: unknown[]) => Promise<unknown>;

interface EndedActions {
  count: number;
  /** SQL: whose the action number `n` is. */
  tenant: string;
  /** How many days ago the newest of them ended; the others each a second before the next. */
  ageDays: number;
}

/** A statement must neither hold its locks for long nor fill the disk with its log. */
const STATEMENT_COUNT_MAX = 250_000;

/**
 * Stores actions that have ended, in the order of their numbers, each with the events of its life; one in ten has failed. Past
 * the product: what it takes is only what Postgres needs to write them. Then vacuums and analyzes, as has long been done on
 * tables that have grown to that size.
 */
export async function storeEnded(run: RunSql, actions: EndedActions): Promise<void> {
  const { count, tenant, ageDays } = actions;
  for (let from = 0; from < count; from += STATEMENT_COUNT_MAX) {
    const to = Math.min(from + STATEMENT_COUNT_MAX, count);
    await run(store(tenant), [from, to - 1, count, ageDays]);
  }
  await run('VACUUM ANALYZE', []);
}

/**
 * An id is of the time of its action (UUIDv7), as those that the API makes, so that it lies in the index where that would.
 * Each action has a target of its own.
 */
const store = (tenant: string) => `
  WITH numbered AS MATERIALIZED (
    SELECT n, ${tenant} AS "tenant", "at", md5(n::text) AS "random",
      CASE WHEN n % 10 = 0 THEN 'Failed' ELSE 'Completed' END AS "status",
      (lpad(to_hex((extract(epoch FROM "at") * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3)
        || '8' || substr(md5(n::text), 4, 15))::uuid AS "id"
    FROM (
      SELECT n, now() - $4::float8 * interval '1 day' - ($3::int - n) * interval '1 s' AS "at"
      FROM generate_series($1::int, $2::int) n
    ) timed
  ),
  action AS (
    INSERT INTO "security_action" ("azureTenantId", "id", "version", "status", "providerKey", "actionName",
      "targetKey", "name", "appId", "clientRequestId", "resendKey", "parameters", "vendorInformation", "properties",
      "errorInfo", "createdDateTime", "lastActionDateTime", "completedDateTime")
    SELECT "tenant", "id", 3, "status", 'Acme/Firewall', 'BlockIp',
      md5('target' || "random")::uuid, 'BlockIp ' || n % 100, 'app-1', "id"::text, "random"::uuid,
      jsonb_build_array(jsonb_build_object('name', 'IP', 'value', '10.0.' || n / 256 % 256 || '.' || n % 256)),
      '{"vendor": "Acme", "provider": "Firewall", "subProvider": null, "providerVersion": null}', '{}',
      CASE WHEN "status" = 'Failed' THEN '{"code": 4, "message": "no", "subcode": 0}'::jsonb END, "at", "at", "at"
    FROM numbered ORDER BY n
  )
  INSERT INTO "security_action_event" ("azureTenantId", "actionId", "sequence", "type", "status", "changedStatus",
    "dateTime", "attempt", "attemptId", "appId", "errorInfo")
  SELECT "tenant", "id", step,
    CASE step WHEN 1 THEN 'created' WHEN 2 THEN 'started' ELSE lower("status") END,
    CASE step WHEN 1 THEN 'NotStarted' WHEN 2 THEN 'Running' ELSE "status" END, true, "at",
    CASE WHEN step > 1 THEN 1 END, CASE WHEN step > 1 THEN md5('attempt' || "random")::uuid END,
    CASE WHEN step = 1 THEN 'app-1' END,
    CASE WHEN step = 3 AND "status" = 'Failed' THEN '{"code": 4, "message": "no", "subcode": 0}'::jsonb END
  FROM numbered, generate_series(1, 3) step
  ORDER BY n, step`;
