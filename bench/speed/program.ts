import { existsSync, readFileSync, rmSync } from 'node:fs';
import { launch } from '../../dev/process/child.ts';
import { type Service, ServiceProcess, startUnsupervised } from '../../dev/process/service.ts';
import { root } from '../../dev/repository.ts';

/** A Node program of a benchmark. */
export interface Program {
  name: string;
  /** From the root of the repository. */
  script: string;
  env: Record<string, string>;
  /** What it prints once it serves. */
  readyLine: string;
}

/** Starts it, and resolves when it serves. It ends with this process at the latest. */
async function startProgram(
  directory: string,
  { name, script, env, readyLine }: Program,
): Promise<ServiceProcess> {
  const logFile = `${directory}/${name}.log`;
  // It may have run before, and what that printed says nothing about this time.
  rmSync(logFile, { force: true });
  const service: Service = {
    name,
    launch: () =>
      launch({
        name,
        command: process.execPath,
        args: ['--enable-source-maps', script],
        cwd: root,
        env: { PATH: process.env['PATH'], ...env },
        logFile,
      }),
    probe: () => {
      const serves = existsSync(logFile) && readFileSync(logFile, 'utf8').includes(readyLine);
      return Promise.resolve(serves ? undefined : `'${readyLine}' is not in its log yet`);
    },
  };
  return new ServiceProcess(service, await startUnsupervised(service));
}

/** Runs programs, started in this order, for as long as `work` takes. */
export async function withPrograms<T>(
  directory: string,
  programs: readonly Program[],
  work: (processes: ServiceProcess[]) => Promise<T>,
): Promise<T> {
  const started: ServiceProcess[] = [];
  try {
    for (const program of programs) started.push(await startProgram(directory, program));
    return await work(started);
  } finally {
    await Promise.all(started.map((program) => program.stop()));
  }
}
