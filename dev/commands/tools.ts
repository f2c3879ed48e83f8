import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Progress } from '../progress.ts';
import { root } from '../repository.ts';
import { build, isBuilt } from '../stack/build.ts';

/** One step of `npm test` or `npm run check`; false when it failed. */
export interface Step {
  name: string;
  run: (signal: AbortSignal) => Promise<boolean>;
}

/** The checks that read the sources only. */
export const staticChecks: Step[] = [
  { name: 'Format', run: (signal) => runScript('format:check', [], signal) },
  { name: 'Lint', run: (signal) => runScript('lint', [], signal) },
  { name: 'Types', run: (signal) => runScript('typecheck', [], signal) },
  { name: 'Dead code', run: (signal) => runScript('dead', [], signal) },
];

export const buildStep: Step = { name: 'Build', run: buildIfNeeded };

/** Runs every step, also after one failed, and says how long each took. @returns the names that failed. */
export async function runSteps(steps: Step[], signal: AbortSignal): Promise<string[]> {
  const progress = new Progress();
  const failed: string[] = [];
  for (const { name, run } of steps) {
    signal.throwIfAborted();
    progress.line(`${name} …`);
    const began = performance.now();
    const passed = await run(signal);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    progress.line(`${name}: ${passed ? 'done' : 'FAILED'} (${seconds} s)`);
    if (!passed) failed.push(name);
  }
  return failed;
}

/** Runs a script of package.json, so that there is one list of commands, with further arguments. */
export async function runScript(
  name: string,
  args: string[],
  signal: AbortSignal,
): Promise<boolean> {
  const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as {
    scripts: Record<string, string>;
  };
  // `exec` makes the tool itself the child, so that a signal reaches it.
  const child = spawn('/bin/sh', ['-c', `exec ${scripts[name]} "$@"`, name, ...args], {
    cwd: root,
    env: { ...process.env, PATH: `${root}/node_modules/.bin:${process.env['PATH']}` },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const end = () => child.kill('SIGTERM');
  signal.addEventListener('abort', end);
  const [code] = (await once(child, 'exit')) as [number | null];
  signal.removeEventListener('abort', end);
  signal.throwIfAborted();
  return code === 0;
}

async function buildIfNeeded(signal: AbortSignal): Promise<boolean> {
  if (isBuilt()) return true;
  try {
    await build(signal);
    return true;
  } catch (error) {
    signal.throwIfAborted();
    console.error(error instanceof Error ? error.message : error);
    return false;
  }
}
