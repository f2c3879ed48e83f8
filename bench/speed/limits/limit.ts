import { Meter, type Roots, totalMicros } from '../meter.ts';

/** What one part costs by itself, with nothing around it. */
export interface Limit {
  perSecond: number;
  /** Microseconds of CPU for one, of all processes that take part; undefined where that cannot be told. */
  micros: number | undefined;
}

/** Kafka and Postgres by their processes; undefined if not both of them can be looked into. */
export type Servers = Readonly<Record<Server, number>> | undefined;

export type Server = 'kafka' | 'postgres';

/** Those of the servers that take part in something. */
export function only(names: readonly Server[], servers: Servers): Roots | undefined {
  return servers && Object.fromEntries(names.map((name) => [name, servers[name]]));
}

/**
 * Times `work`, which does `count` of something.
 * @param ownToo whether this process takes part, and is not only the load
 */
export async function metered(
  servers: Roots | undefined,
  count: number,
  ownToo: boolean,
  work: () => Promise<unknown>,
): Promise<Limit> {
  const own = process.cpuUsage();
  const { result: seconds, usage } = await Meter.during(servers, async () => {
    const began = performance.now();
    await work();
    return (performance.now() - began) / 1000;
  });
  const { user, system } = process.cpuUsage(own);
  const micros = usage && totalMicros(usage) + (ownToo ? user + system : 0);
  return { perSecond: count / seconds, micros: micros && micros / count };
}
