import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run, runOrThrow } from '../../dev/process/run.ts';
import { root } from '../../dev/repository.ts';

const PROGRAMS = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python'];
const INSTALL_TIMEOUT_MS = 5 * 60_000;
/** Without an index pip knows no version of the first package at all; a version that is not there is another matter. */
const UNREACHABLE = /\(from versions: none\)|Connection(?:Pool|Error)|timed out/;

interface Interpreter {
  program: string;
  version: string;
}

/**
 * The Python of a virtual environment that holds what `requirementsFile` (a path; every package in it, with its
 * exact version) names. Start modules with `-m`: programs beside it do not work. It is made once and kept in
 * `.cache/`; other requirements or another Python make another one. Undefined where there is no Python as new as
 * `minimum` or no package index to be reached, which is printed; in CI that is an error.
 */
export async function ensureVirtualEnvironment(
  requirementsFile: string,
  minimum: `3.${number}`,
): Promise<string | undefined> {
  const interpreter = await findInterpreter(minimum);
  if (interpreter === undefined) return missing(requirementsFile, `no Python ${minimum} or later`);
  const directory = directoryOf(requirementsFile, interpreter);
  if (!existsSync(directory)) {
    const reason = await install(requirementsFile, interpreter, directory);
    if (reason !== undefined) return missing(requirementsFile, reason);
  }
  return pythonIn(directory);
}

function missing(requirementsFile: string, reason: string): undefined {
  const message = `what needs ${relative(root, requirementsFile)}: ${reason}`;
  if (process.env['CI']) throw new Error(message);
  console.log(`Skipped: ${message}`);
}

async function findInterpreter(minimum: string): Promise<Interpreter | undefined> {
  const minor = Number(minimum.split('.')[1]);
  for (const program of PROGRAMS) {
    const { code, output } = await run(program, ['--version']);
    const version = /^Python (3\.(\d+)\S*)/.exec(output);
    if (code === 0 && version !== null && Number(version[2]) >= minor) {
      return { program, version: version[1]! };
    }
  }
  return undefined;
}

function directoryOf(requirementsFile: string, { version }: Interpreter): string {
  const hash = createHash('sha256').update(version).update(readFileSync(requirementsFile));
  return `${root}/.cache/python-${hash.digest('hex').slice(0, 12)}`;
}

function pythonIn(directory: string): string {
  return join(directory, 'bin', 'python');
}

/** It appears all at once, by a rename: an install that is broken off leaves nothing that a later run would trust. */
async function install(
  requirementsFile: string,
  { program }: Interpreter,
  directory: string,
): Promise<string | undefined> {
  mkdirSync(`${root}/.cache`, { recursive: true });
  const incoming = mkdtempSync(`${root}/.cache/python-incoming-`);
  const signal = AbortSignal.timeout(INSTALL_TIMEOUT_MS);
  try {
    const made = await run(program, ['-m', 'venv', incoming], { signal });
    if (made.code !== 0) return `${program} makes no virtual environment: ${made.output.trim()}`;
    const pip = ['-m', 'pip', '--disable-pip-version-check', '--no-input'];
    // Without dependencies: what the file does not name has no exact version. The check says if one is missing.
    // And not compiled: Python does that with what is imported, which of a large SDK is little.
    const options = [
      '--quiet',
      '--retries',
      '1',
      '--no-deps',
      '--no-compile',
      '-r',
      requirementsFile,
    ];
    const { code, output } = await run(pythonIn(incoming), [...pip, 'install', ...options], {
      signal,
    });
    if (code !== 0 && UNREACHABLE.test(output)) return 'the package index cannot be reached';
    if (code !== 0) throw new Error(`pip could not install ${requirementsFile}:\n${output}`);
    await runOrThrow('The check of the packages', [pythonIn(incoming), ...pip, 'check']);
    if (!existsSync(directory)) renameSync(incoming, directory);
    return undefined;
  } finally {
    rmSync(incoming, { recursive: true, force: true });
  }
}
