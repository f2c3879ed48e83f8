import type { System } from '../../test/support/system.ts';
import type { Contender } from '../speed/contender.ts';
import { Creates } from '../speed/creates.ts';
import { EventsWatch } from '../speed/events-watch.ts';
import { measure } from '../speed/measure.ts';
import { topicName } from '#kafka/topics';
import type { Answer } from '../table.ts';
import { CommandLag } from './command-lag.ts';
import type { Question, ScaleGround } from './ground.ts';
import { HotTables } from './hot-tables.ts';
import { type Interval, type Load, loadFor } from './interval.ts';
import { soakTables } from './soak-report.ts';
import { withVariant } from './variant.ts';

/** Of the rate at which it completes when saturated: busy, with room to catch up. */
const SHARE = 0.7;
/** The least that is more than topics keep; what was there before is older. */
const RETENTION_DAYS = 15;
const OLD_DAYS = 20;
/** What the measurement before and the work after the load may take, while tokens must stay valid. */
const TOKEN_SECONDS_SPARE = 3600;

/** What was found of each interval, and at the end. */
export interface Soak {
  /** What it completed when saturated, right before. */
  saturatedPerSecond: number;
  /** The load. */
  perSecond: number;
  intervals: Interval[];
  /** Commands that were not stored once the last action had ended. */
  lagAtEnd: number;
  /** Of the old actions, those that have not been removed. */
  oldAtEnd: number;
}

/** The same load for a long time, while old actions are removed: does anything grow? */
export const soak: Question = (ground): Promise<Answer[]> => {
  const { intervals, intervalSeconds, oldActions } = ground.size.soak;
  const variant = {
    rows: oldActions,
    rowsAgeDays: OLD_DAYS,
    env: { RETENTION_DAYS: String(RETENTION_DAYS) },
    tokenSeconds: TOKEN_SECONDS_SPARE + intervals * intervalSeconds,
  };
  return withVariant(ground.services, variant, async (contender, system) =>
    soakTables(await soaked(ground, contender, system), ground.size.soak),
  );
};

async function soaked(
  { services, servers, progress, size }: ScaleGround,
  contender: Contender,
  system: System,
): Promise<Soak> {
  const { figures } = size.soak;
  const { completedPerSecond } = await progress.step('saturated', () =>
    measure(contender, servers, figures),
  );
  const creates = new Creates(contender.endpoint);
  const watch = await EventsWatch.start(services, topicName(system.topicPrefix, 'events'));
  const lag = new CommandLag(services, system.topicPrefix);
  const tables = await HotTables.connect(system.databaseUrl);
  try {
    const perSecond = SHARE * completedPerSecond;
    const roots = servers && { ...contender.processes, ...servers };
    const load = {
      perSecond,
      seconds: size.soak.intervalSeconds,
      creates,
      watch,
      lag,
      tables,
      roots,
    };
    const intervals = await allIntervals(load, size.soak.intervals, (text) => progress.line(text));
    const lagAtEnd = await lag.atRest();
    const oldAtEnd = await oldActionsOf(system);
    return { saturatedPerSecond: completedPerSecond, perSecond, intervals, lagAtEnd, oldAtEnd };
  } finally {
    await Promise.all([creates.close(), watch.stop(), lag.close(), tables.close()]);
  }
}

async function oldActionsOf(system: System): Promise<number> {
  const [row] = await system.query<{ count: number }>(
    `SELECT count(*)::int AS "count" FROM "security_action"
      WHERE "createdDateTime" < now() - $1 * interval '1 day'`,
    [RETENTION_DAYS],
  );
  return row!.count;
}

/** One after the other without a gap: what is to be learnt of one is learnt while the next goes on. */
async function allIntervals(
  load: Load,
  count: number,
  say: (text: string) => void,
): Promise<Interval[]> {
  const all: Promise<Interval>[] = [];
  for (let number = 1; number <= count; number += 1) {
    const { found } = await loadFor(load);
    // It fails this function, below; until then nobody may take it for a rejection that nobody sees.
    found.catch(() => undefined);
    all.push(found);
    say(`soak: ${number} of ${count}`);
  }
  return Promise.all(all);
}
