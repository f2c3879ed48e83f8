import { findDocker } from '../../dev/kafka/container.ts';
import { run } from '../../dev/process/run.ts';

const PULL_TIMEOUT_MS = 5 * 60_000;

/**
 * Why a suite that starts containers of these images cannot run here; undefined when it can. Nobody must have Docker
 * to run the tests, so a missing image is such a reason too, but not in CI: there the suite fails instead.
 */
export async function reasonToSkip(
  suite: string,
  images: string[],
  { needsCompose = false } = {},
): Promise<string | undefined> {
  const reason = (await missingProgram(needsCompose)) ?? (await missingImage(images));
  if (reason !== undefined) console.log(`Skipped: ${suite}: ${reason}`);
  return reason;
}

async function missingProgram(needsCompose: boolean): Promise<string | undefined> {
  if (!(await findDocker())) return 'no Docker engine answers';
  if (!needsCompose || (await run('docker', ['compose', 'version'])).code === 0) return undefined;
  return 'the Docker CLI has no compose';
}

async function missingImage(images: string[]): Promise<string | undefined> {
  for (const image of images) {
    const { code } = await run('docker', ['image', 'inspect', image]);
    const failure = code === 0 ? undefined : await pull(image);
    if (failure === undefined) continue;
    if (process.env['CI']) throw new Error(failure);
    return failure;
  }
  return undefined;
}

async function pull(image: string): Promise<string | undefined> {
  console.log(`Pulling ${image} …`);
  try {
    const signal = AbortSignal.timeout(PULL_TIMEOUT_MS);
    const { code, output } = await run('docker', ['pull', '--quiet', image], { signal });
    return code === 0 ? undefined : `${image} cannot be pulled: ${output.trim()}`;
  } catch {
    return `${image} was not pulled within ${PULL_TIMEOUT_MS / 60_000} minutes`;
  }
}
