import { ExpectedError } from '../expected-error.ts';
import { takeInterrupts } from '../process/interrupt.ts';
import { loadStackSettings } from '../stack-settings.ts';
import { build, isBuilt } from '../stack/build.ts';
import { readEndpoints } from '../stack/endpoints.ts';
import { runSetup } from '../stack/setup.ts';

/** `npm run topics`, `npm run migrate`: against what the environment names, else the stack that runs. */
export async function setupCommand(what: 'topics' | 'migrate', args: string[]): Promise<number> {
  const { stop } = takeInterrupts();
  const variable = what === 'topics' ? 'KAFKA_BROKERS' : 'DATABASE_URL';
  const environment = { ...fromRunningStack(), ...withoutEmpty(process.env) };
  if (!environment[variable] && !environment[`${variable}_FILE`]) {
    throw new ExpectedError(`Set ${variable}, or run npm start in another terminal first.`);
  }
  if (!isBuilt()) await build(stop);
  process.stdout.write(await runSetup([what, ...args], environment, stop));
  return 0;
}

function fromRunningStack(): NodeJS.ProcessEnv {
  const endpoints = readEndpoints(loadStackSettings().STACK_DIR);
  if (!endpoints) return {};
  return { KAFKA_BROKERS: endpoints.kafkaBrokers.join(','), DATABASE_URL: endpoints.databaseUrl };
}

function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}
