import { freePort, isPortFree } from '../process/ports.ts';
import { readJson, writeAtomically } from './directory.ts';

/**
 * The ports of what is embedded: the same as last time while they are free, so that a connection string
 * somebody noted stays right; at first the usual one, and any free one when that is taken.
 */
export async function rememberedPorts<Name extends string>(
  directory: string,
  usual: Record<Name, number | undefined>,
): Promise<Record<Name, number>> {
  const file = `${directory}/ports.json`;
  const before = readJson<Record<string, number>>(file) ?? {};
  const ports: Record<string, number> = {};
  for (const [name, port] of Object.entries<number | undefined>(usual)) {
    ports[name] = await choose([before[name], port]);
  }
  // Read again: Kafka and Postgres do this at the same time.
  const all = { ...readJson<Record<string, number>>(file), ...ports };
  writeAtomically(file, `${JSON.stringify(all, null, 2)}\n`);
  return ports as Record<Name, number>;
}

async function choose(candidates: (number | undefined)[]): Promise<number> {
  for (const port of candidates) if (port !== undefined && (await isPortFree(port))) return port;
  return freePort();
}
