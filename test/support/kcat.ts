import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { arch } from 'node:os';
import { run, runOrThrow } from '../../dev/process/run.ts';
import { root } from '../../dev/repository.ts';

const DIRECTORY = `${root}/.cache/kcat-${arch()}`;
const INSTALL_TIMEOUT_MS = 5 * 60_000;

/** Where a shell finds kcat. */
export interface Kcat {
  PATH: string;
  LD_LIBRARY_PATH?: string;
}

/**
 * The variables with which a shell finds `kcat`: the machine's own, or the package of Debian or Ubuntu, unpacked once into
 * `.cache/`, which takes no rights. Undefined where there is neither, which is printed; in CI that is an error.
 */
export async function ensureKcat(): Promise<Kcat | undefined> {
  const PATH = process.env['PATH'] ?? '';
  if ((await run('kcat', ['-V'])).code === 0) return { PATH };
  if (!existsSync(DIRECTORY)) {
    const reason = await install();
    if (reason !== undefined) return missing(reason);
  }
  const lib = `${DIRECTORY}/usr/lib`;
  // Libraries lie under the name of the machine's architecture, which Debian spells in its own way.
  const libraries = readdirSync(lib).map((folder) => `${lib}/${folder}`);
  return { PATH: `${DIRECTORY}/usr/bin:${PATH}`, LD_LIBRARY_PATH: libraries.join(':') };
}

function missing(reason: string): undefined {
  const message = `what needs kcat: ${reason}`;
  if (process.env['CI']) throw new Error(message);
  console.log(`Skipped: ${message}`);
}

/** It appears all at once, by a rename: an install that is broken off leaves nothing that a later run would trust. */
async function install(): Promise<string | undefined> {
  if ((await run('apt-get', ['--version'])).code !== 0) return 'neither kcat nor apt-get';
  mkdirSync(`${root}/.cache`, { recursive: true });
  const incoming = mkdtempSync(`${root}/.cache/kcat-incoming-`);
  const signal = AbortSignal.timeout(INSTALL_TIMEOUT_MS);
  try {
    const lists = await listsThatKnowKcat(`${incoming}/lists`, signal);
    if (lists === undefined) return 'no package archive that has it can be reached';
    const { output } = await run('apt-get', [...lists, ...SIMULATE], { signal });
    const packages = [...output.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name!);
    const download: [string, ...string[]] = ['apt-get', '-qq', ...lists, 'download', ...packages];
    await runOrThrow('The download of kcat', download, { cwd: incoming, signal });
    for (const file of readdirSync(incoming).filter((name) => name.endsWith('.deb'))) {
      await runOrThrow('Unpacking', ['dpkg', '-x', `${incoming}/${file}`, `${incoming}/root`]);
    }
    if (!existsSync(DIRECTORY)) renameSync(`${incoming}/root`, DIRECTORY);
    return undefined;
  } finally {
    rmSync(incoming, { recursive: true, force: true });
  }
}

/** Says what kcat needs and this machine lacks; nothing is installed. */
const SIMULATE = ['-qs', '--no-install-recommends', 'install', 'kcat'];

/** Options under which apt-get knows the package: none, or lists of our own, as the machine's may be empty or old. */
async function listsThatKnowKcat(
  directory: string,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  if ((await run('apt-get', SIMULATE, { signal })).code === 0) return [];
  mkdirSync(`${directory}/partial`, { recursive: true });
  const options = [
    ['-o', `Dir::State::Lists=${directory}`],
    ['-o', `Dir::Cache=${directory}`],
    ['-o', 'Acquire::Languages=none'],
  ].flat();
  await run('apt-get', ['-qq', ...options, 'update'], { signal });
  const known = await run('apt-get', [...options, ...SIMULATE], { signal });
  return known.code === 0 ? options : undefined;
}
