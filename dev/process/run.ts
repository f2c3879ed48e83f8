import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ExpectedError } from '../expected-error.ts';
import { processIdentity } from './identity.ts';
import { guard, unguard } from './guard.ts';

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  uid?: number;
  gid?: number;
  signal?: AbortSignal;
}

/** How a command ended, and what it printed. `code` is null when a signal ended it. */
export interface RunResult {
  code: number | null;
  output: string;
}

/**
 * Runs a command to its end. When `signal` fires the command is ended first, then the reason thrown, so
 * that nothing is left running behind a start that was called off.
 */
export async function run(
  command: string,
  args: string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { signal, ...spawnOptions } = options;
  signal?.throwIfAborted();
  const child = spawn(command, args, { ...spawnOptions, stdio: ['ignore', 'pipe', 'pipe'] });
  const { pid } = child;
  if (pid === undefined) {
    const [error] = (await once(child, 'error')) as [NodeJS.ErrnoException];
    return { code: 127, output: error.message };
  }
  const identity = processIdentity(pid) ?? 'gone';
  guard({ name: command, pid, identity, stopSignal: 'SIGTERM' });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const end = () => child.kill('SIGTERM');
  signal?.addEventListener('abort', end);
  const [code] = (await once(child, 'close')) as [number | null];
  signal?.removeEventListener('abort', end);
  unguard(pid);
  signal?.throwIfAborted();
  return { code, output: Buffer.concat(chunks).toString('utf8') };
}

/** Like `run`, for commands that must succeed: `purpose` begins the message when one does not. */
export async function runOrThrow(
  purpose: string,
  [command, ...args]: [string, ...string[]],
  options: RunOptions = {},
): Promise<string> {
  const { code, output } = await run(command, args, options);
  if (code === 0) return output;
  const tail = output.trimEnd().split('\n').slice(-15).join('\n');
  throw new ExpectedError(`${purpose} failed (${command} ended with code ${code}):\n${tail}`);
}
