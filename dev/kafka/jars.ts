import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ExpectedError } from '../expected-error.ts';
import { run } from '../process/run.ts';
import { root } from '../repository.ts';

const POM = fileURLToPath(new URL('pom.xml', import.meta.url));

/** Where the jars that a pom names, by default the broker's, are or will be; another pom means another directory. */
export function jarsDirectory(pom = POM): string {
  const version = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12);
  return `${root}/.cache/kafka-jars-${version}`;
}

/**
 * Fetches the jars with Maven. They appear all at once, by a rename: a fetch that was broken off, or two at
 * the same time, leave no half-filled directory that a later start would trust.
 */
export async function fetchJars(signal?: AbortSignal, pom = POM): Promise<void> {
  mkdirSync(`${root}/.cache`, { recursive: true });
  const incoming = mkdtempSync(`${root}/.cache/kafka-jars-incoming-`);
  try {
    const goal = [
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${incoming}`,
    ];
    const { code, output } = await run('mvn', ['-B', '-q', '-f', pom, ...goal], {
      cwd: root,
      ...(signal && { signal }),
    });
    if (code === 127) {
      throw new ExpectedError(
        'Maven (mvn) is missing, which fetches the jars of Kafka: install it.',
      );
    }
    if (code !== 0)
      throw new ExpectedError(`Maven could not fetch the jars of Kafka:\n${tail(output)}`);
    if (!existsSync(jarsDirectory(pom))) renameSync(incoming, jarsDirectory(pom));
  } finally {
    rmSync(incoming, { recursive: true, force: true });
  }
}

function tail(output: string): string {
  const lines = output.split('\n').filter((line) => line.includes('ERROR'));
  return lines.slice(0, 6).join('\n') || output.trim().slice(-1000);
}
