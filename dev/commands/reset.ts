import { existsSync, rmSync } from 'node:fs';
import { ExpectedError } from '../expected-error.ts';
import { removeContainer } from '../kafka/container.ts';
import { loadStackSettings } from '../stack-settings.ts';
import { isOurs, runningSupervisor, stopLeftovers } from '../stack/directory.ts';

/** `npm run reset`: deletes all data, logs and keys of `npm start`. */
export async function resetCommand(): Promise<number> {
  const directory = loadStackSettings().STACK_DIR;
  if (!existsSync(directory)) {
    console.log(`Nothing to delete: there is no ${directory}`);
    return 0;
  }
  const pid = runningSupervisor(directory);
  if (pid !== undefined)
    throw new ExpectedError(`npm start runs on ${directory} (pid ${pid}): stop it first.`);
  if (!isOurs(directory)) {
    throw new ExpectedError(`${directory} was not made by npm start, so it is not deleted.`);
  }
  await stopLeftovers(directory);
  if (existsSync(`${directory}/kafka/container`)) await removeContainer(`${directory}/kafka`);
  rmSync(directory, { recursive: true, force: true });
  console.log(`Deleted ${directory}`);
  return 0;
}
