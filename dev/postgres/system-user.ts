import { run, runOrThrow } from '../process/run.ts';
import { ExpectedError } from '../expected-error.ts';

const USER = 'postgres';

interface Owner {
  uid: number;
  gid: number;
}

/** How to run a program of Postgres: as whom, and through which other program. */
export interface RunAs {
  /** The system user and group that own the data; undefined when that is simply us. */
  owner: Owner | undefined;
  /** What to change to when the program is spawned; nothing when `prefix` does it. */
  ids: { uid?: number; gid?: number };
  prefix: string[];
}

/**
 * Postgres refuses to run as root, so root runs it as the system user `postgres`, which is created when it
 * is missing. Anyone else runs it as themselves.
 */
export async function findRunAs(binary: string, directory: string): Promise<RunAs> {
  if (process.getuid?.() !== 0) return { owner: undefined, ids: {}, prefix: [] };
  const owner = (await userIds()) ?? (await createUser());
  const reachable = await run(
    '/bin/sh',
    ['-c', 'test -x "$0" && test -x "$1"', binary, directory],
    {
      ...owner,
      cwd: '/',
    },
  );
  if (reachable.code === 0) return { owner, ids: owner, prefix: [] };
  return { owner, ids: {}, prefix: await passThroughClosedDirectories(owner) };
}

/**
 * A clone under /root or a `mktemp -d` is closed to the user `postgres`. Opening those directories is not
 * ours to do; instead Postgres keeps one capability of root, which is to pass through them.
 */
async function passThroughClosedDirectories(owner: Owner): Promise<string[]> {
  const identity = [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'];
  // Without the securebit access(2), which Postgres looks for its own files with, ignores the capability.
  const capability = [
    '--securebits=+no_setuid_fixup',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
  ];
  const flags = [...identity, ...capability];
  const { code } = await run('setpriv', [...flags, 'true']);
  if (code === 0) return ['setpriv', ...flags];
  throw new ExpectedError(
    `Postgres does not run as root, and the user '${USER}' may not enter this directory or STACK_DIR. ` +
      'Move them where every user may enter, run this as another user, or set DATABASE_URL.',
  );
}

async function userIds(): Promise<Owner | undefined> {
  const [uid, gid] = await Promise.all([run('id', ['-u', USER]), run('id', ['-g', USER])]);
  if (uid.code !== 0 || gid.code !== 0) return undefined;
  return { uid: Number(uid.output), gid: Number(gid.output) };
}

async function createUser(): Promise<Owner> {
  const purpose = `Creating the user '${USER}', as Postgres does not run as root,`;
  await runOrThrow(purpose, ['useradd', '--system', '--user-group', '--no-create-home', USER]);
  const ids = await userIds();
  if (!ids) throw new Error(`${purpose} did not help`);
  return ids;
}
