import { rmSync } from 'node:fs';
import { readJson, runningSupervisor, writeAtomically } from './directory.ts';

/** What a running `npm start` tells tools and tests, in endpoints.json of STACK_DIR. */
export interface Endpoints {
  http: string;
  https: string;
  caFile: string;
  admin: string;
  kafkaBrokers: string[];
  databaseUrl: string;
  issuer: string;
  processes: { name: string; pid: number }[];
}

/** Readable by its owner only, as it holds the password of the database. */
export function writeEndpoints(directory: string, endpoints: Endpoints): void {
  writeAtomically(endpointsFile(directory), `${JSON.stringify(endpoints, null, 2)}\n`, 0o600);
}

export function removeEndpoints(directory: string): void {
  rmSync(endpointsFile(directory), { force: true });
}

/** The endpoints of the stack that runs on this directory; undefined when none does. */
export function readEndpoints(directory: string): Endpoints | undefined {
  if (runningSupervisor(directory) === undefined) return undefined;
  return readJson<Endpoints>(endpointsFile(directory));
}

function endpointsFile(directory: string): string {
  return `${directory}/endpoints.json`;
}
