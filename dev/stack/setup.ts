import { runOrThrow } from '../process/run.ts';
import { root } from '../repository.ts';

/** Runs the one-shot that makes topics and tables: both without arguments, or `topics`, or `migrate`. */
export function runSetup(
  args: string[],
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<string> {
  const script = `${root}/dist/apps/setup/src/main.js`;
  return runOrThrow(
    'Making topics and tables',
    [process.execPath, '--enable-source-maps', script, ...args],
    { cwd: root, env, ...(signal && { signal }) },
  );
}
