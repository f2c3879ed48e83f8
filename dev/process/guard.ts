import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { RecordedProcess } from './stop-pids.ts';

let reaperInput: NodeJS.WritableStream | undefined;

/** Has the process stopped, should this one end before it called `unguard`. */
export function guard(record: RecordedProcess): void {
  tell({ add: record });
}

export function unguard(pid: number): void {
  tell({ remove: pid });
}

function tell(message: unknown): void {
  reaperInput ??= startReaper();
  reaperInput.write(`${JSON.stringify(message)}\n`);
}

function startReaper(): NodeJS.WritableStream {
  const script = fileURLToPath(new URL('reaper.ts', import.meta.url));
  // In a session of its own: Ctrl-C and a closed terminal reach the group of the parent, not the reaper.
  const reaper = spawn(process.execPath, [script], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  reaper.on('error', () => undefined);
  reaper.stdin.on('error', () => undefined); // A reaper that was killed guards nothing, but breaks nothing.
  reaper.unref();
  if (reaper.stdin instanceof Socket) reaper.stdin.unref();
  return reaper.stdin;
}
