import { cpSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as passed } from 'node:timers/promises';
import { type Entry, type EntryOf, parseHistory } from '../history.ts';
import { recordEnd, untilQuiet } from './aftermath.ts';
import { TRAITS } from './catalogue.ts';
import { inConcert } from './concert.ts';
import { type Nemesis, type PlannedFault, planFaults } from './fault-plan.ts';
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
  /** Breaks it off. */
  signal?: AbortSignal;
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

/**
 * Runs the product under faults, all of it decided by the seed, and records what happens. Whether it comes to its end or
 * not, nothing of it goes on after that, and the servers are whole.
 * @throws Error when it breaks off; what was recorded until then stays in its file
 */
export async function faultRun(servers: Servers, options: RunOptions): Promise<Entry[]> {
  await record(servers, options);
  return parseHistory(readFileSync(options.file, 'utf8'));
}

async function record(servers: Servers, options: RunOptions): Promise<void> {
  const { seed, seconds, nemeses, file, signal } = options;
  await using ends = new AsyncDisposableStack();
  const recorder = ends.adopt(new Recorder(file), (one) => one.close());
  const interrupt = () => recorder.breakOff(signal?.reason);
  signal?.addEventListener('abort', interrupt);
  ends.defer(() => signal?.removeEventListener('abort', interrupt));
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
  const world = ends.adopt(await World.start(servers, recorder), (one) => one.stop());
  ends.defer(() => cpSync(`${world.system.directory}/log`, logsBeside(file), { recursive: true }));
  await act(world, servers, recorder, options);
  recorder.broken.throwIfAborted();
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
async function untilWarm(topics: RecordedTopics, signal: AbortSignal): Promise<void> {
  const deadlineMs = performance.now() + WARM_WITHIN_MS;
  while (topics.eventsRead < WARM_EVENTS) {
    if (performance.now() > deadlineMs)
      throw new Error(
        `Only ${topics.eventsRead} events in ${WARM_WITHIN_MS} ms without any fault.`,
      );
    await passed(LOOK_MS, undefined, { signal });
  }
}

async function act(
  world: World,
  servers: Servers,
  recorder: Recorder,
  options: RunOptions,
): Promise<void> {
  const { system, product } = world;
  await using ends = new AsyncDisposableStack();
  const brokers = servers.kafka.brokers.join(',');
  const topics = ends.adopt(
    await RecordedTopics.start(recorder, brokers, system.topicPrefix),
    (one) => one.stop(),
  );
  const effects = ends.adopt(
    new RecordedEffects(recorder, `${system.directory}/effects.jsonl`),
    (one) => one.stop(),
  );
  const apps = [...APIS, ...WORKERS].map((name) => world.victims.get(name)!);
  ends.defer(sampleMemory(recorder, apps));
  ends.defer(watchStalls(recorder));
  const { seed, log } = options;
  const { issuer, topicPrefix: run } = system;
  const { apis } = world;
  const plan = planFaults(world.subjects, { ...options, recoveryMs: BOUNDS.recoveryMs });
  const workload = new Workload({ seed, recorder, topics, product, issuer, apis, run });
  await inConcert(
    [
      (signal) => workload.run(signal),
      async (signal) => {
        await untilWarm(topics, signal);
        await makeFaults(world, recorder, plan, options, signal);
        workload.stop();
      },
    ],
    recorder.broken,
  );
  log('until nothing is under way …');
  const left = await untilQuiet(world, topics, recorder.broken);
  effects.stop();
  await recordEnd(world, recorder);
  await world.stopProduct();
  recorder.note<EntryOf<'end'>>({ kind: 'end', isQuiet: left.length === 0, left });
}

/** Faults, and then the calm. */
async function makeFaults(
  world: World,
  recorder: Recorder,
  plan: readonly PlannedFault[],
  { seed, seconds, calmSeconds, log }: RunOptions,
  signal: AbortSignal,
): Promise<void> {
  log(`${plan.length} faults in ${seconds} s …`);
  const clock = new PlanClock(RECOVERS_WITHIN_MS);
  await inConcert(
    [
      (brokenOff) => befall(world, recorder, plan, { seed, clock, signal: brokenOff }),
      (brokenOff) => clock.until(seconds * 1000, brokenOff),
    ],
    signal,
  );
  if (calmSeconds > 0) await passed(BOUNDS.recoveryMs + calmSeconds * 1000, undefined, { signal });
}
