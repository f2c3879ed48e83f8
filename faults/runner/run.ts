import { cpSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as passed } from 'node:timers/promises';
import { type Entry, type EntryOf, parseHistory } from '../history.ts';
import { recordEnd, untilQuiet } from './aftermath.ts';
import { TRAITS } from './catalogue.ts';
import { type Nemesis, planFaults } from './fault-plan.ts';
import { befall } from './nemesis.ts';
import { PlanClock } from './plan-clock.ts';
import { RecordedEffects } from './recorded-effects.ts';
import { RecordedTopics } from './recorded-topics.ts';
import { Recorder } from './recorder.ts';
import { sampleMemory, watchStalls } from './samples.ts';
import { APIS, type Servers, WORKERS } from './servers.ts';
import { Workload } from './workload.ts';
import { World } from './world.ts';

/** What a run is to be like. */
export interface RunOptions {
  seed: number;
  /** How long faults are made while requests are sent. */
  seconds: number;
  /** How long requests are sent on when no fault can be felt any more. */
  calmSeconds: number;
  nemeses: readonly Nemesis[];
  /** Where its history is written. */
  file: string;
  log: (line: string) => void;
}

const MIB = 2 ** 20;
/** So much must have happened before the first fault: whoever has not begun yet has nothing to lose. */
const WARM_EVENTS = 60;
const WARM_WITHIN_MS = 60_000;
const LOOK_MS = 50;
/** A Kafka that was killed serves again after less, unless this machine is too busy. */
const RECOVERS_WITHIN_MS = 8000;

/**
 * What is promised in numbers: the settings' defaults and docs/operations.md. The margins are for a machine that runs
 * everything at once.
 */
const BOUNDS: EntryOf<'run'>['bounds'] = {
  // ACCEPT_TIMEOUT_MS; what is waited for before the create is sent to Kafka is part of it.
  acceptTimeoutMs: 3000,
  readTimeoutMs: 5000,
  marginMs: 2000,
  // A Kafka that was killed serves again after 10 s at most, and what a dead worker owned has a new owner as soon.
  recoveryMs: 15_000,
  stragglerMs: 20_000,
  requestsWaitMs: 500,
  // Some ten times what it takes on a machine that does nothing else.
  endInTimeMs: 5000,
  rssBytesMax: 512 * MIB,
};

/** Runs the product under faults, all of it decided by the seed, and records what happens. */
export async function faultRun(servers: Servers, options: RunOptions): Promise<Entry[]> {
  const { seed, seconds, nemeses, file } = options;
  const recorder = new Recorder(file);
  recorder.note<EntryOf<'run'>>({
    kind: 'run',
    atMs: 0,
    seed,
    seconds,
    nemeses: [...nemeses],
    startedAt: recorder.startedAt.toISOString(),
    providers: TRAITS,
    bounds: BOUNDS,
  });
  const world = await World.start(servers, recorder);
  try {
    await act(world, servers, recorder, options);
    await recorder.close();
    return parseHistory(readFileSync(file, 'utf8'));
  } finally {
    cpSync(`${world.system.directory}/log`, logsBeside(file), { recursive: true });
    await world.stop();
  }
}

/** Deletes what a run has left: its history and the logs of its processes. */
export function discard(file: string): void {
  rmSync(file);
  rmSync(logsBeside(file), { recursive: true });
}

function logsBeside(file: string): string {
  return `${file.replace(/\.jsonl$/, '')}-logs`;
}

/** @throws Error when the product does little or nothing although nothing has befallen it */
async function untilWarm(topics: RecordedTopics): Promise<void> {
  const deadlineMs = performance.now() + WARM_WITHIN_MS;
  while (topics.eventsRead < WARM_EVENTS) {
    if (performance.now() > deadlineMs)
      throw new Error(
        `Only ${topics.eventsRead} events in ${WARM_WITHIN_MS} ms without any fault.`,
      );
    await passed(LOOK_MS);
  }
}

async function act(
  world: World,
  servers: Servers,
  recorder: Recorder,
  { seed, seconds, calmSeconds, nemeses, log }: RunOptions,
): Promise<void> {
  const { system, product } = world;
  const brokers = servers.kafka.brokers.join(',');
  const topics = await RecordedTopics.start(recorder, brokers, system.topicPrefix);
  const effects = new RecordedEffects(recorder, `${system.directory}/effects.jsonl`);
  const apps = [...APIS, ...WORKERS].map((name) => world.victims.get(name)!);
  const stopSampling = sampleMemory(recorder, apps);
  const stopWatching = watchStalls(recorder);
  try {
    const { issuer, topicPrefix: run } = system;
    const workload = new Workload({
      seed,
      recorder,
      topics,
      product,
      issuer,
      apis: world.apis,
      run,
    });
    const { recoveryMs } = BOUNDS;
    const plan = planFaults(world.subjects, { seed, seconds, nemeses, recoveryMs });
    const working = workload.run();
    await untilWarm(topics);
    log(`${plan.length} faults in ${seconds} s …`);
    const clock = new PlanClock(RECOVERS_WITHIN_MS);
    await Promise.all([
      befall(world, recorder, plan, { seed, clock }),
      clock.until(seconds * 1000),
    ]);
    if (calmSeconds > 0) await passed(recoveryMs + calmSeconds * 1000);
    workload.stop();
    await working;
    log('until nothing is under way …');
    const isQuiet = await untilQuiet(world, topics);
    effects.stop();
    await recordEnd(world, recorder, isQuiet);
  } finally {
    stopSampling();
    stopWatching();
    await topics.stop();
  }
}
