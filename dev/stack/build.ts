import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { runOrThrow } from '../process/run.ts';
import { root } from '../repository.ts';

const MARKER = `${root}/dist/.built`;
const SOURCES = [
  'apps',
  'libs',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'nest-cli.json',
];

/** True when nothing in dist/ is older than what it was made of. */
export function isBuilt(): boolean {
  const builtAt = statSync(MARKER, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return SOURCES.every((source) => newest(`${root}/${source}`) < builtAt);
}

export async function build(signal?: AbortSignal): Promise<void> {
  // Taken before: what is saved while the compiler runs is newer than the marker, and so built next time.
  const startedAt = new Date();
  await runOrThrow('The build', [process.execPath, `${root}/dev/build.mjs`], {
    cwd: root,
    ...(signal && { signal }),
  });
  writeFileSync(MARKER, startedAt.toISOString());
  utimesSync(MARKER, startedAt, startedAt);
}

/** When something in here changed last. A directory counts too: deleting a file changes only that. */
function newest(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return stat?.mtimeMs ?? 0;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(`${path}/${name}`)));
}
