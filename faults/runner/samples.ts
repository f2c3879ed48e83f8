import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { EntryOf } from '../history.ts';
import type { Recorder } from './recorder.ts';
import type { Victim } from './victim.ts';

const INTERVAL_MS = 2000;
const TICK_MS = 50;
/** On a machine that has room a timer is late by some milliseconds; what is promised in seconds can be told up to this. */
const STALL_MS = 300;
const run = promisify(execFile);

/** Notes how much memory each process has, again and again. @returns what ends it */
export function sampleMemory(recorder: Recorder, victims: readonly Victim[]): () => void {
  const look = () => {
    for (const victim of victims) sample(recorder, victim).catch(() => undefined);
  };
  const timer = setInterval(look, INTERVAL_MS);
  return () => clearInterval(timer);
}

/** Notes each time that a timer of this process comes far too late. @returns what ends it */
export function watchStalls(recorder: Recorder): () => void {
  let dueAtMs = recorder.nowMs() + TICK_MS;
  const timer = setInterval(() => {
    const nowMs = recorder.nowMs();
    if (nowMs - dueAtMs > STALL_MS)
      recorder.note<EntryOf<'stall'>>({ kind: 'stall', fromMs: dueAtMs });
    dueAtMs = nowMs + TICK_MS;
  }, TICK_MS);
  return () => clearInterval(timer);
}

/** A process that is down just now has no memory to speak of: `ps` fails, and nothing is noted. */
async function sample(recorder: Recorder, { name, pid }: Victim): Promise<void> {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
  const rssBytes = Number(stdout.trim()) * 1024;
  recorder.note<EntryOf<'sample'>>({ kind: 'sample', process: name, rssBytes });
}
