import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExpectedError } from '../expected-error.ts';
import { processIdentity } from '../process/identity.ts';
import { isAlive, type RecordedProcess, stopRecorded } from '../process/stop-pids.ts';

/** What tells a directory of ours from any other that STACK_DIR may name by mistake. */
const MARKER = 'README.txt';
const MARKER_TEXT =
  'Data, logs and keys of `npm start` of security-actions. `npm run reset` deletes this directory.\n';
const LOCK = 'supervisor.json';
const PROCESSES = 'processes.json';

interface Holder {
  pid: number;
  identity: string;
}

/** Makes the directory. One that held other things before is used, but never deleted by `reset`. */
export function openStackDirectory(directory: string): void {
  const isNew = !existsSync(directory) || readdirSync(directory).length === 0;
  mkdirSync(directory, { recursive: true });
  if (isNew) writeFileSync(`${directory}/${MARKER}`, MARKER_TEXT);
}

export function isOurs(directory: string): boolean {
  const marker = `${directory}/${MARKER}`;
  return existsSync(marker) && readFileSync(marker, 'utf8') === MARKER_TEXT;
}

/** The pid of the `npm start` that runs on this directory. */
export function runningSupervisor(directory: string): number | undefined {
  const holder = readJson<Holder>(`${directory}/${LOCK}`);
  return holder && isAlive(holder) ? holder.pid : undefined;
}

/**
 * Takes the directory for this process.
 * @returns what gives it back.
 * @throws ExpectedError when another `npm start` has it.
 */
export async function lockStackDirectory(directory: string): Promise<() => void> {
  const lock = `${directory}/${LOCK}`;
  const own = `${directory}/${LOCK}.${process.pid}`;
  const identity = processIdentity(process.pid);
  writeFileSync(own, JSON.stringify({ pid: process.pid, identity }));
  try {
    while (!tryLink(own, lock)) {
      const pid = runningSupervisor(directory);
      if (pid !== undefined) throw alreadyRuns(directory, pid);
      rmSync(lock, { force: true }); // Left by one that was killed.
    }
    // Two that found the same remains may both have got here; the file names the one that has it.
    await sleep(50);
    const pid = runningSupervisor(directory);
    if (pid !== process.pid) throw alreadyRuns(directory, pid);
  } finally {
    rmSync(own, { force: true });
  }
  return () => rmSync(lock, { force: true });
}

/** Stops what an earlier `npm start` left behind because it was killed. @returns their names. */
export async function stopLeftovers(directory: string): Promise<string[]> {
  const records = readJson<RecordedProcess[]>(`${directory}/${PROCESSES}`) ?? [];
  const stopped = await stopRecorded(records);
  rmSync(`${directory}/${PROCESSES}`, { force: true });
  return stopped.map((record) => record.name);
}

/** Writes down what runs, for `stopLeftovers`. */
export function recordProcesses(directory: string, records: RecordedProcess[]): void {
  writeAtomically(`${directory}/${PROCESSES}`, `${JSON.stringify(records, null, 2)}\n`);
}

/** Nobody ever reads half a file: it is written beside and then takes the place of the old one. */
export function writeAtomically(file: string, text: string, mode = 0o644): void {
  const incoming = `${file}.${process.pid}.incoming`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(incoming, text, { mode });
  renameSync(incoming, file);
}

/** The content of a JSON file; undefined when there is none, or it is not whole. */
export function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function alreadyRuns(directory: string, pid: number | undefined): ExpectedError {
  return new ExpectedError(
    `npm start already runs on ${directory} (pid ${pid ?? 'unknown'}). Stop it, or set STACK_DIR to another directory.`,
  );
}
