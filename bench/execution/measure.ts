import { setTimeout as delay } from 'node:timers/promises';
import type { System } from '../../test/support/system.ts';

/** To look costs the database what the product could use. */
const LOOK_INTERVAL_MS = 1000;

/** Of latencies in milliseconds, by nearest rank: the p99 of up to 100 values is the largest or the one before. */
export interface Latency {
  p50: number;
  p99: number;
}

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

async function until(
  what: string,
  secondsMax: number,
  holds: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + secondsMax * 1000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${secondsMax} s: ${what}`);
    await delay(LOOK_INTERVAL_MS);
  }
}

function latencyOf(values: number[]): Latency {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.ceil(part * sorted.length) - 1]!;
  return { p50: at(0.5), p99: at(0.99) };
}
