import type { Hold } from '#domain/hold';
import type { Services } from '../../dev/stack.ts';
import { HOLDS, operatorOf } from '../../test/support/holds.ts';
import type { System } from '../../test/support/system.ts';
import { act, withSystem } from './bench-system.ts';
import { createAll } from './load.ts';
import { type Ends, ended, stored } from './measure.ts';
import { type Answer, ratio } from '../table.ts';

const TENANT = 'tenant-a';
const PLACES = 32;
const CALL_MS = 100;
const WAIT_SECONDS_MAX = 900;

export interface HotTargetSize {
  /** Actions with a target each, and as many on one target. */
  each: number;
}

/** Whether a target with a long queue slows the others at the same provider. */
export async function hotTarget(services: Services, { each }: HotTargetSize): Promise<Answer> {
  const providers = {
    Product: { type: 'simulated', capabilities: { idempotent: true }, concurrencyMax: PLACES },
  };
  const states = [
    { state: 'alone', hot: false },
    { state: 'beside the hot target', hot: true },
  ];
  const rates: number[] = [];
  const rows: string[][] = [];
  let failed = 0;
  for (const { state, hot } of states) {
    // A system each, so that neither finds tables that the other has filled.
    const run = await withSystem(services, { providers }, (system) => spread(system, each, hot));
    rates.push(run.rate);
    failed += run.failed;
    const together = run.rate + run.hotRate;
    rows.push([
      state,
      run.rate.toFixed(0),
      ratio(run.rate, rates[0]!),
      run.hotRate.toFixed(0),
      ratio(together, rates[0]!),
    ]);
  }
  return {
    title: 'Does a hot target slow the others?',
    setup:
      `One provider with ${PLACES} places, ${CALL_MS} ms a call, so at most ${(PLACES * 1000) / CALL_MS} a second. ` +
      `${each} actions with a target each; beside them, created in turn with them, ${each} on one target, ` +
      `which take no time at the provider, so that its next one is due as often as can be. All are stored under a hold, which is then released.`,
    header: [
      'The spread ones',
      'Completed/s',
      'to alone',
      'Completed/s of the hot target',
      'Together, to alone',
    ],
    rows,
    notes: [
      'A rate is counted from the first end to the last of the spread ones.',
      'Where the machine and not the places is the limit, what the hot target completes is missing from the others: then ' +
        'the two together are as fast as the spread ones alone.',
      `Failed: ${failed}.`,
    ],
  };
}

interface Run {
  rate: number;
  failed: number;
  /** Completed a second while the spread ones were. */
  hotRate: number;
}

async function spread(system: System, each: number, hot: boolean): Promise<Run> {
  const client = await system.client({ tenant: TENANT });
  const bodies = Array.from({ length: each }, (_, number) => [
    act('Product', { target: `host-${number}`, delayMs: CALL_MS }),
    ...(hot ? [act('Product', { target: 'hot' })] : []),
  ]).flat();
  const ids = await whileHeld(system, async () => {
    const created = await createAll(client, bodies);
    await stored(system, created.length, WAIT_SECONDS_MAX);
    return created;
  });
  const spreadIds = hot ? ids.filter((_, index) => index % 2 === 0) : ids;
  const ends = await ended(system, spreadIds, WAIT_SECONDS_MAX);
  const hotIds = hot ? ids.filter((_, index) => index % 2 === 1) : [];
  return {
    rate: each / secondsOf(ends),
    failed: ends.failed,
    hotRate: await hotRateBeside(system, hotIds, ends),
  };
}

/** Nothing is run until `work` is done: else the rate of the creates would be measured, not that of the calls. */
async function whileHeld<T>(system: System, work: () => Promise<T>): Promise<T> {
  const operator = await operatorOf(system, TENANT);
  const post = async (path: string, body?: object) => {
    const answer = await operator.request<Hold>('POST', path, { body });
    if (answer.status >= 300) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer.body;
  };
  const { id } = await post(HOLDS, {});
  const result = await work();
  await post(`${HOLDS}/${id}/release`);
  return result;
}

/** How many of these ended a second while the spread ones did. */
async function hotRateBeside(system: System, ids: string[], ends: Ends): Promise<number> {
  const [row] = await system.query<{ count: number }>(
    `SELECT count(*)::int AS "count" FROM "security_action"
      WHERE "id" = ANY($1::uuid[]) AND "completedDateTime" BETWEEN $2 AND $3`,
    [ids, new Date(ends.firstEndedAtMs), new Date(ends.lastEndedAtMs)],
  );
  return row!.count / secondsOf(ends);
}

function secondsOf({ firstEndedAtMs, lastEndedAtMs }: Ends): number {
  return (lastEndedAtMs - firstEndedAtMs) / 1000;
}
