import { availableParallelism } from 'node:os';
import type { Latency } from '../latency.ts';
import type { Answer } from '../table.ts';
import { latency, mebibytes, milliseconds, NOTHING, whole } from './cells.ts';
import type { Floor } from './floor.ts';
import { FLOOR_BATCH, type KafkaCosts } from './limits/kafka.ts';
import type { Limit } from './limits/limit.ts';
import type { SqlLimits } from './limits/sql.ts';
import { CONNECTIONS } from './creates.ts';
import { type Figures, type Saturated, STEADY_PER_SECOND } from './measure.ts';
import { totalMicros } from './meter.ts';
import { type Target, verdictOf } from './targets.ts';

/** All of one run, by contender. */
export type Contest = Readonly<Record<string, Figures>>;

export function contestTable(contest: Contest): Answer {
  return {
    title: 'How fast?',
    setup:
      `At saturation: ${CONNECTIONS} creates at once, a target each, until all have ended. Latencies: ` +
      `${STEADY_PER_SECOND} creates a second in an open loop, in milliseconds.`,
    header: [
      '',
      'Accepted/s',
      'Completed/s',
      'CPU µs/action',
      'Accept p50',
      'p99',
      'Accept → end p50',
      'p99',
    ],
    rows: Object.entries(contest).map(([name, figures]) => [
      name,
      whole(figures.acceptedPerSecond),
      whole(figures.completedPerSecond),
      whole(figures.usage && totalMicros(figures.usage) / figures.actions),
      ...latency(figures.accept),
      ...latency(figures.toEnd),
    ]),
    notes: [
      'Ours checks the token, keeps history and order on targets, and relays the events of each action. The others do ' +
        'none of that; each has one process that takes creates and one that works.',
      'Completed/s: from the first create to the last end on record.',
      'Accept: from when the create was due to its 201. Accept → end: from the 201 until the end can be known outside. ' +
        'Of ours, its event has then arrived from Kafka; the others tell nobody, and are asked for in the database every 5 ms.',
      'CPU: Node, Kafka and Postgres with all their processes, without the load generator.',
      ...Object.entries(contest).flatMap(([name, figures]) => remarks(name, figures)),
    ],
  };
}

/** What has to be known to trust the figures of one contender. */
export function remarks(name: string, figures: Figures): string[] {
  const { generatorMicros, lateness, refused, acceptedPerSecond, completedPerSecond } = figures;
  const generator =
    `The load generator took ${whole(generatorMicros)} µs of the same cores for a create of ${name}, and was late by ` +
    `${milliseconds(lateness.p99)} ms (p99) in its open loop.`;
  const again = `${name}: ${refused} creates were refused for the moment, and tried again.`;
  const behind = `${name} does not hold ${STEADY_PER_SECOND} a second: its latencies grow for as long as the load goes on.`;
  const holds = Math.min(acceptedPerSecond, completedPerSecond) >= STEADY_PER_SECOND;
  return [generator, ...(refused > 0 ? [again] : []), ...(holds ? [] : [behind])];
}

export function processTable(contest: Contest): Answer {
  return {
    title: 'Which process uses what?',
    setup:
      'At saturation. Memory: the most that was resident, with all child processes; and how much of it was the program file.',
    header: ['', 'CPU µs/action', 'Peak MiB', 'of it program'],
    rows: Object.entries(contest).flatMap(([name, { usage, actions }]) =>
      Object.entries(usage ?? {}).map(([process, { cpuMicros, peakBytes, programBytes }]) => [
        `${name}: ${process}`,
        whole(cpuMicros / actions),
        mebibytes(peakBytes),
        mebibytes(programBytes),
      ]),
    ),
    notes: [],
  };
}

/** What the parts cost by themselves, at saturation. */
export interface Costs {
  http: Limit;
  kafka: KafkaCosts;
  sql: SqlLimits;
}

/** How long they take by themselves, in an open loop. */
export interface Latencies {
  http: Latency;
  send: Latency;
}

/** Undefined where CPU cannot be measured. */
export interface Floors {
  floor: Floor | undefined;
  /** The same, of commands and events that kafkajs as it is produces. */
  rawFloor: Floor | undefined;
  /** `floor` by the limits before ours, and by those after it. */
  ofEach: readonly (Floor | undefined)[];
}

/** @param eventsEach relayed for one action */
export function limitTable(
  { http, kafka, sql }: Costs,
  latencies: Latencies,
  { floor, rawFloor, ofEach }: Floors,
  eventsEach: number,
): Answer {
  const row = (name: string, { perSecond, micros }: Limit, of?: Latency) => [
    name,
    whole(perSecond),
    micros === undefined ? NOTHING : micros.toFixed(1),
    ...(of ? latency(of) : [NOTHING, NOTHING]),
  ];
  return {
    title: 'What is the limit?',
    setup:
      'Each part by itself, with nothing around it. CPU of all processes that take part. The mean of what was measured right ' +
      'before ours and right after it.',
    header: ['', 'Per second', 'CPU µs each', 'p50 ms', 'p99 ms'],
    rows: [
      row('HTTP: bare Fastify, token verified once', http, latencies.http),
      ...[...kafka.produce].map(([batch, limit]) =>
        row(`produce, ${batch} a request`, limit, batch === 1 ? latencies.send : undefined),
      ),
      row(`produce, ${FLOOR_BATCH} a request, by kafkajs as it is`, kafka.rawProduce),
      row('consume', kafka.consume),
      row('three transitions with history, in batches', sql.transitions),
      row('COPY of a row', sql.copy),
      ...(floor ? [row('**the floor of this design**', floor)] : []),
      ...(rawFloor ? [row('the same with kafkajs as it is', rawFloor)] : []),
    ],
    notes: [
      `p50 and p99: ${STEADY_PER_SECOND} a second in an open loop; of produce, one awaited send.`,
      `HTTP and then an awaited send: ${milliseconds(latencies.http.p50 + latencies.send.p50)} ms (p50 and p50), ` +
        `${(1 + latencies.http.p50 / latencies.send.p50).toFixed(2)} × the send. An accept waits for both.`,
      `The floor: HTTP + produce at 50 × (one command + ${eventsEach.toFixed(1)} events relayed) + consume + transitions; its ` +
        `rate is what ${availableParallelism()} cores could do of it.`,
      `By the limits before ours alone it would be ${micros(ofEach[0])} µs, and by those after it ${micros(ofEach[1])} µs.`,
      'Produced through what the product has put in place of parts of kafkajs, but where it says otherwise.',
    ],
  };
}

function micros(floor: Floor | undefined): string {
  return floor ? floor.micros.toFixed(1) : NOTHING;
}

export function targetTable(
  targets: readonly Target[],
  setup = 'Ours, with every durability setting on, history and relay included.',
  notes: string[] = [],
): Answer {
  const number = (value: number | undefined, unit: string) =>
    value === undefined ? NOTHING : `${Number(value.toPrecision(3))} ${unit}`;
  return {
    title: 'Is it what is asked for?',
    setup,
    header: ['', 'Reached', 'Asked for', 'Aim', ''],
    rows: targets.map((target) => {
      const { what, reached, atLeast, atMost, aim, unit } = target;
      const bound = `${atLeast === undefined ? '≤' : '≥'} ${number(atLeast ?? atMost, unit)}`;
      return [what, number(reached, unit), bound, number(aim, unit), verdictOf(target)];
    }),
    notes,
  };
}

/** What ours is to the floor with kafkajs as it is; nothing where that cannot be told. */
export function besideRaw(
  { usage, actions, completedPerSecond }: Saturated,
  raw?: Floor,
): string[] {
  if (!usage || !raw) return [];
  const cpu = (totalMicros(usage) / actions / raw.micros).toFixed(2);
  const rate = (completedPerSecond / raw.perSecond).toFixed(3);
  return [`To the floor with kafkajs as it is: CPU ${cpu} ×, completed/s ${rate} ×.`];
}
