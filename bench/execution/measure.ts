import type { System } from '../../test/support/system.ts';
import { type Latency, latencyOf } from '../latency.ts';
import { until } from '../until.ts';

/** How the actions with these ids ended. */
export interface Ends {
  /** From `createdDateTime` to `completedDateTime`, the product's own record: accepted until on record as ended. */
  latency: Latency;
  failed: number;
  /** Milliseconds since 1970. */
  firstEndedAtMs: number;
  lastEndedAtMs: number;
}

/** Waits until all of these have ended. */
export async function ended(
  system: System,
  ids: readonly string[],
  secondsMax: number,
): Promise<Ends> {
  await until(`${ids.length} actions have ended`, secondsMax, async () => {
    const [row] = await system.query<{ count: number }>(
      `SELECT count(*)::int AS "count" FROM "security_action"
        WHERE "id" = ANY($1::uuid[]) AND "completedDateTime" IS NOT NULL`,
      [ids],
    );
    return row!.count === ids.length;
  });
  const rows = await system.query<{ created: Date; completed: Date; status: string }>(
    `SELECT "createdDateTime" AS "created", "completedDateTime" AS "completed", "status"
       FROM "security_action" WHERE "id" = ANY($1::uuid[])`,
    [ids],
  );
  const endTimes = rows.map(({ completed }) => completed.getTime()).toSorted((a, b) => a - b);
  return {
    latency: latencyOf(rows.map((row) => row.completed.getTime() - row.created.getTime())),
    failed: rows.filter(({ status }) => status === 'Failed').length,
    firstEndedAtMs: endTimes[0]!,
    lastEndedAtMs: endTimes.at(-1)!,
  };
}

/** Actions of a tenant that are stored and have not ended. */
export async function unfinished(system: System, tenant: string): Promise<number> {
  const [row] = await system.query<{ count: number }>(
    `SELECT count(*)::int AS "count" FROM "security_action_work" WHERE "azureTenantId" = $1`,
    [tenant],
  );
  return row!.count;
}

/** Waits until so many actions are stored in all. */
export function stored(system: System, count: number, secondsMax: number): Promise<void> {
  return until(`${count} actions are stored`, secondsMax, async () => {
    const statuses = Object.values(await system.statuses());
    return statuses.reduce((sum, ofStatus) => sum + ofStatus, 0) >= count;
  });
}
