import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, isBuilt } from '../dev/stack/build.ts';
import { type Evidence, TABLE_HEAD, brokenRow, evidenceOf, neverTested } from './evidence.ts';
import { parseHistory } from './history.ts';
import { NEMESES, type Nemesis } from './runner/fault-plan.ts';
import { type RunOptions, discard, faultRun } from './runner/run.ts';
import { Servers } from './runner/servers.ts';

/*
 * `npm run faults`: runs the product under faults that a seed decides, and says which promises held. A history that
 * breaks one is kept, and can be judged again: `npm run faults -- --check <file>`, several with `--check` before each.
 */

const HISTORIES = '.faults';
/** So much of each run is without faults, at its end: there, nothing may be refused. */
const CALM_SECONDS = 5;
const NO_DISKS = 'No disk can be made full here (that takes Linux and root).';
/** All connection faults under one name. */
const NET: readonly Nemesis[] = ['cut', 'halfOpen', 'delay'];

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      runs: { type: 'string', default: '1' },
      seconds: { type: 'string', default: '60' },
      nemesis: { type: 'string', default: NEMESES.join(',') },
      keep: { type: 'boolean', default: false },
      check: { type: 'string', multiple: true },
    },
  });
  if (values.check !== undefined) return judgeAgain(values.check);
  const nemeses = parseNemeses(values.nemesis);
  const [seed, runs, seconds] = [values.seed, values.runs, values.seconds].map(positive);
  if (!isBuilt()) await build();
  return runSeeds({ seed: seed!, runs: runs!, seconds: seconds!, nemeses, keep: values.keep });
}

function judgeAgain(files: string[]): number {
  const results = files.map((file) => {
    const evidence = evidenceOf(parseHistory(readFileSync(file, 'utf8')));
    for (const fault of evidence.faults) console.log(`\n${fault}`);
    return evidence;
  });
  return conclude(results);
}

/** Prints what the runs say together. @returns the exit code: 0 only if nothing is wrong with any, nor missing in all of them */
function conclude(results: Result[]): number {
  printTable(results.map(({ row }) => row));
  const untested = neverTested(results.flatMap(({ verdict }) => verdict ?? []));
  for (const one of untested) console.log(`\n${one}`);
  // One run alone is too short for all of them.
  const isIncomplete = results.length > 1 && untested.length > 0;
  return isIncomplete || results.some(({ faults }) => faults.length > 0) ? 1 : 0;
}

/** Without a verdict where the run came to no end. */
type Result = Pick<Evidence, 'row' | 'faults'> & Partial<Evidence>;

interface Options {
  seed: number;
  runs: number;
  seconds: number;
  nemeses: Nemesis[];
  keep: boolean;
}

async function runSeeds({ seed: first, runs, seconds, nemeses, keep }: Options): Promise<number> {
  const interrupted = interruption();
  const directory = mkdtempSync(join(tmpdir(), 'security-actions-fault-servers-'));
  mkdirSync(HISTORIES, { recursive: true });
  const servers = await Servers.start(directory, say, nemeses.includes('disk'));
  const possible = servers.disks.size > 0 ? nemeses : nemeses.filter((one) => one !== 'disk');
  if (possible.length < nemeses.length) say(NO_DISKS);
  const results: Result[] = [];
  try {
    for (let seed = first; seed < first + runs && !interrupted.aborted; seed += 1) {
      const file = join(HISTORIES, `seed-${seed}.jsonl`);
      const log = (line: string) => say(`seed ${seed}: ${line}`);
      const given = { seed, seconds, nemeses: possible, signal: interrupted };
      const options = { ...given, calmSeconds: CALM_SECONDS, file, log };
      results.push(await runSeed(servers, options, keep).catch((error) => broken(options, error)));
    }
  } finally {
    await servers.stop();
    rmSync(directory, { recursive: true, force: true });
  }
  const code = conclude(results);
  return interrupted.aborted ? 1 : code;
}

/** The first Ctrl-C ends everything in turn: a disk that was mounted would outlive this process. The second one kills. */
function interruption(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      say(`${signal}: everything is ended …`);
      interrupted.abort(new Error(`interrupted by ${signal}`));
    });
  }
  return interrupted.signal;
}

async function runSeed(servers: Servers, options: RunOptions, keep: boolean): Promise<Evidence> {
  const { file, log } = options;
  const history = await faultRun(servers, options);
  log('judging …');
  const evidence = evidenceOf(history);
  say(evidence.row);
  for (const fault of evidence.faults) console.log(`\n${fault}`);
  if (evidence.faults.length > 0 || keep) console.log(`\nThe history is kept in ${file}`);
  else discard(file);
  return evidence;
}

/** A run that came to no end is one row all the same, and those after it are made. */
function broken({ seed, seconds, nemeses, file, log }: RunOptions, error: unknown): Result {
  const reason = reasonOf(error);
  log(`broken off: ${reason}`);
  log(`what was recorded until then is in ${file}; to run it again:`);
  log(`npm run faults -- --seed ${seed} --seconds ${seconds} --nemesis ${nemeses.join(',')}`);
  return { row: brokenRow(seed, seconds), faults: [reason] };
}

/** What broke it off comes first; what could not be ended after that may be of it. */
function reasonOf(error: unknown): string {
  if (error instanceof SuppressedError) {
    return [error.suppressed, error.error].map(reasonOf).join('\n');
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function printTable(rows: string[]): void {
  console.log(['', ...TABLE_HEAD, ...rows].join('\n'));
}

function say(line: string): void {
  console.error(line);
}

function parseNemeses(text: string): Nemesis[] {
  return text.split(',').flatMap((name) => {
    if (name === 'net') return NET;
    const known = NEMESES.find((nemesis) => nemesis === name);
    if (known) return [known];
    throw new Error(`unknown nemesis '${name}'; known: ${[...NEMESES, 'net'].join(', ')}`);
  });
}

function positive(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`'${text}' must be a whole number above 0`);
}

process.exit(await main());
