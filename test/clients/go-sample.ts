import { cpSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from '../../dev/process/run.ts';

const MODULE = fileURLToPath(new URL('go', import.meta.url));
// Half a minute of compiling when Go's cache is empty; a busy machine takes several times that.
const BUILD_TIMEOUT_MS = 9 * 60_000;
const UNREACHABLE =
  /dial tcp|no such host|i\/o timeout|TLS handshake|connection re(?:fused|set)|: 40[34] |GOPROXY=off/;

/**
 * Compiles one Go file, with the pinned modules, in `directory`, which is empty. `reason`, which is printed too, only
 * where there is no Go or no module proxy.
 * @throws Error when it does not compile, or not in 9 minutes
 */
export async function buildGo(
  source: string,
  directory: string,
): Promise<{ program: string } | { reason: string }> {
  const reason = await build(source, directory);
  if (reason === undefined) return { program: `${directory}/sample` };
  console.log(`Skipped: the Go sample: ${reason}`);
  return { reason };
}

async function build(source: string, directory: string): Promise<string | undefined> {
  if ((await run('go', ['version'])).code !== 0) return 'no Go';
  cpSync(MODULE, directory, { recursive: true });
  writeFileSync(`${directory}/main.go`, source);
  console.log('Compiling the Go sample …');
  const { code, output } = await run('go', ['build', '-o', 'sample', '.'], {
    cwd: directory,
    signal: AbortSignal.timeout(BUILD_TIMEOUT_MS),
  });
  if (code === 0) return undefined;
  if (!UNREACHABLE.test(output)) throw new Error(`go build: ${output}`);
  return `the module proxy cannot be reached: ${output.trim().split('\n').at(-1)}`;
}
