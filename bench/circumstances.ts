import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { runOrThrow } from '../dev/process/run.ts';
import { root } from '../dev/repository.ts';

/**
 * All that the figures of a run depend on beside the product, as one line.
 * @param processes how many of the product run
 */
export async function circumstances(processes: string, quick: boolean): Promise<string> {
  const git = (...args: string[]) => runOrThrow('git', ['git', ...args], { cwd: root });
  const commit = (await git('rev-parse', '--short', 'HEAD')).trim();
  const changed = (await git('status', '--porcelain', 'apps', 'libs', 'config')).trim() !== '';
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  const machine = `${availableParallelism()} cores (${cpus()[0]?.model.trim() || 'unknown'}), ${gibibytes} GiB, Node ${process.versions.node}`;
  return (
    `${new Date().toISOString().slice(0, 10)}, commit ${commit}${changed ? ', with changes' : ''}, ` +
    `${machine}, load ${loadavg()[0]!.toFixed(1)} at the start; ` +
    `${processes}${quick ? '; reduced size (--quick): too short for its figures to mean anything' : ''}.`
  );
}
