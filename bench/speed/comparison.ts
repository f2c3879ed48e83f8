import { availableParallelism } from 'node:os';
import type { Progress } from '../../dev/progress.ts';
import type { Answer } from '../table.ts';
import type { WithContender } from './contender.ts';
import { type Floor, floorOf } from './floor.ts';
import type { Ground } from './ground.ts';
import { httpLimits } from './limits/http.ts';
import { kafkaLimits } from './limits/kafka.ts';
import { meanOf } from './limits/mean.ts';
import { sqlLimits } from './limits/sql.ts';
import { type Figures, measure, STEADY_PER_SECOND } from './measure.ts';
import { withNaive } from './naive.ts';
import { withOurs } from './ours.ts';
import { withPgBoss } from './pg-boss.ts';
import { contestTable, type Limits, limitTable, processTable, targetTable } from './report.ts';
import type { Size } from './size.ts';
import { targetsOf } from './targets.ts';

/** Messages of a request at which producing counts for the floor. */
const FLOOR_BATCH = 50;

/** The contenders and the limits, all in one run. */
export async function compare(progress: Progress, ground: Ground): Promise<Answer[]> {
  const { services, servers, directory, size } = ground;
  const contender = (name: string, withIt: WithContender, key: keyof Size['contenders']) =>
    progress.step(name, () =>
      withIt(services, directory, (one) => measure(one, servers, size.contenders[key])),
    );
  // The limits come first: they warm Kafka up, which the contenders share. And right before and after what is held against them.
  const limitsBefore = await measureLimits(progress, ground);
  const ours = await contender('ours', withOurs(), 'ours');
  const limitsAfter = await measureLimits(progress, ground);
  const limits = meanOf(limitsBefore, limitsAfter);
  const naive = await contender('naive', withNaive, 'naive');
  const pgBoss = await contender('pg-boss', withPgBoss, 'pgBoss');
  const floor = floorFor(limits, ours);
  const contest = { ours, naive, 'pg-boss': pgBoss };
  return [
    contestTable(contest),
    processTable(contest),
    limitTable(limits, floor, ours.eventsEach, [
      floorFor(limitsBefore, ours),
      floorFor(limitsAfter, ours),
    ]),
    targetTable(targetsOf({ ours, naive, floor, send: limits.kafka.send })),
  ];
}

async function measureLimits(
  progress: Progress,
  { services, servers, directory, size }: Ground,
): Promise<Limits> {
  const kafkaSize = { ...size.kafka, sendsPerSecond: STEADY_PER_SECOND };
  const httpSize = { ...size.http, createsPerSecond: STEADY_PER_SECOND };
  return {
    kafka: await progress.step('Kafka alone', () => kafkaLimits(services, servers, kafkaSize)),
    sql: await progress.step('Postgres alone', () => sqlLimits(services, servers, size.sql)),
    http: await progress.step('HTTP alone', () => httpLimits(directory, httpSize)),
  };
}

/** Undefined where CPU cannot be measured. @throws when no events were counted: the floor would be too low */
function floorFor({ http, kafka, sql }: Limits, { eventsEach }: Figures): Floor | undefined {
  if (eventsEach < 1) throw new Error(`only ${eventsEach} events were relayed for an action`);
  const parts = {
    http: http.create.micros,
    produce: kafka.produce.get(FLOOR_BATCH)?.micros,
    consume: kafka.consume.micros,
    transitions: sql.transitions.micros,
  };
  return isKnown(parts) ? floorOf(parts, eventsEach, availableParallelism()) : undefined;
}

function isKnown<K extends string>(
  parts: Record<K, number | undefined>,
): parts is Record<K, number> {
  return Object.values(parts).every((micros) => micros !== undefined);
}
