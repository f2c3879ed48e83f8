import { availableParallelism } from 'node:os';
import type { Progress } from '../../dev/progress.ts';
import type { Answer } from '../table.ts';
import type { Contender, WithContender } from './contender.ts';
import { type Floor, floorOf } from './floor.ts';
import type { Ground } from './ground.ts';
import { httpCost, httpLatency } from './limits/http.ts';
import { FLOOR_BATCH, kafkaCosts, sendLatency } from './limits/kafka.ts';
import { meanCosts, meanLatencies } from './limits/mean.ts';
import { sqlLimits } from './limits/sql.ts';
import { steadily } from './limits/steadily.ts';
import {
  measure,
  measureSaturated,
  measureSteady,
  type Saturated,
  STEADY_PER_SECOND,
} from './measure.ts';
import { withNaive } from './naive.ts';
import { withOurs } from './ours.ts';
import { withPgBoss } from './pg-boss.ts';
import {
  besideRaw,
  contestTable,
  type Costs,
  type Latencies,
  limitTable,
  processTable,
  targetTable,
} from './report.ts';
import type { Size } from './size.ts';
import { targetsOf } from './targets.ts';

/**
 * The contenders and the limits, all in one run. What is a limit to ours is measured right before and right after it, so
 * saturation and open loop of ours are two runs of the product.
 */
export async function compare(progress: Progress, ground: Ground): Promise<Answer[]> {
  const { services, servers, directory, size } = ground;
  const whole = (name: string, withIt: WithContender, key: keyof Size['contenders']) =>
    progress.step(name, () =>
      withIt(services, directory, (one) => measure(one, servers, size.contenders[key])),
    );
  const ours = <T>(name: string, work: (one: Contender) => Promise<T>) =>
    progress.step(`ours, ${name}`, () => withOurs()(services, directory, work));
  if (size.warmsKafkaUp) {
    // Not counted: all of them share it, and do not ask the same of it.
    await measureCosts(progress, ground);
    await ours('not counted', (one) => measureSaturated(one, servers, size.contenders.ours));
  }
  const costs = await beforeAndAfter(
    () => measureCosts(progress, ground),
    () => ours('at saturation', (one) => measureSaturated(one, servers, size.contenders.ours)),
  );
  const latencies = await beforeAndAfter(
    () => measureLatencies(progress, ground),
    () => ours('in an open loop', (one) => measureSteady(one, size.contenders.ours)),
  );
  const naive = await whole('naive', withNaive, 'naive');
  const pgBoss = await whole('pg-boss', withPgBoss, 'pgBoss');
  const figures = { ...costs.result, ...latencies.result };
  const contest = { ours: figures, naive, 'pg-boss': pgBoss };
  const mean = meanCosts(costs.before, costs.after);
  const [floor, ...ofEach] = [mean, costs.before, costs.after].map((of) => floorFor(of, figures));
  const rawFloor = floorFor(mean, figures, mean.kafka.rawProduce);
  const alone = meanLatencies(latencies.before, latencies.after);
  return [
    contestTable(contest),
    processTable(contest),
    limitTable(mean, alone, { floor, rawFloor, ofEach }, figures.eventsEach),
    targetTable(
      targetsOf({ ours: figures, naive, floor, send: alone.send }),
      undefined,
      besideRaw(figures, rawFloor),
    ),
  ];
}

async function beforeAndAfter<L, T>(limits: () => Promise<L>, work: () => Promise<T>) {
  const before = await limits();
  const result = await work();
  return { before, result, after: await limits() };
}

async function measureCosts(
  progress: Progress,
  { services, servers, directory, size }: Ground,
): Promise<Costs> {
  return {
    kafka: await progress.step('Kafka alone', () => kafkaCosts(services, servers, size.messages)),
    sql: await progress.step('Postgres alone', () => sqlLimits(services, servers, size.sql)),
    http: await progress.step('HTTP alone', () => httpCost(directory, size.http)),
  };
}

async function measureLatencies(
  progress: Progress,
  { services, directory, size }: Ground,
): Promise<Latencies> {
  const alone = steadily(STEADY_PER_SECOND, size.limitSeconds);
  return {
    send: await progress.step('a send alone', () => sendLatency(services, alone)),
    http: await progress.step('an answer alone', () => httpLatency(directory, alone)),
  };
}

/** Undefined where CPU cannot be measured. @throws when no events were counted: the floor would be too low */
function floorFor(
  { http, kafka, sql }: Costs,
  { eventsEach }: Saturated,
  produce = kafka.produce.get(FLOOR_BATCH),
): Floor | undefined {
  if (eventsEach < 1) throw new Error(`only ${eventsEach} events were relayed for an action`);
  const parts = {
    http: http.micros,
    produce: produce?.micros,
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
