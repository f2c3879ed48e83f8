import { join } from 'node:path';
import { run } from '../process/run.ts';

export const JAVA_MAJOR_MIN = 17;

/** What this machine has for running Kafka. */
export interface Java {
  command: string;
  major: number;
}

/** The Java of JAVA_HOME, else of PATH; undefined when there is none. */
export async function findJava(signal?: AbortSignal): Promise<Java | undefined> {
  const home = process.env['JAVA_HOME'];
  const command = home ? join(home, 'bin', 'java') : 'java';
  const { code, output } = await run(command, ['-version'], { ...(signal && { signal }) });
  const major = code === 0 ? parseJavaMajor(output) : undefined;
  return major === undefined ? undefined : { command, major };
}

/** Reads the output of `java -version`: 17 from "17.0.15", and 8 from the older "1.8.0_402". */
export function parseJavaMajor(output: string): number | undefined {
  const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(output) ?? [];
  if (first === undefined) return undefined;
  return Number(first === '1' && second !== undefined ? second : first);
}
