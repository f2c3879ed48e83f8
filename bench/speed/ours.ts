import { topicName } from '#kafka/topics';
import type { Services } from '../../dev/stack.ts';
import type { System } from '../../test/support/system.ts';
import { withOwnSystem } from '../own-system.ts';
import type { Contender, WithContender } from './contender.ts';
import { EventsWatch } from './events-watch.ts';
import type { Roots } from './meter.ts';
import { partitionsOf } from './scratch.ts';

/** One of each, like every contender. */
export const PROCESSES = { apis: 1, workers: 1 };

/**
 * What every contender is told to do. A target each: the order on a target is kept, and nothing has to wait for it.
 */
export function create(number: number) {
  return {
    name: 'Simulate',
    parameters: [{ name: 'target', value: `host-${number}` }],
    vendorInformation: { vendor: 'SecurityActions', provider: 'Simulator' },
  };
}

/** What is sent to the product, where that is not what every contender is sent. */
export interface Load {
  /** How many tenants create by turns. */
  tenants?: number;
  /** Creates under way at once at saturation. */
  connections?: number;
  body?: (number: number) => object;
  /** How long tokens are valid. */
  tokenSeconds?: number;
}

/** A number follows: the first tenant is 0. */
export const TENANT_PREFIX = 'tenant-';

const lastPosition = (table: string) =>
  `coalesce(pg_sequence_last_value(pg_get_serial_sequence('"${table}"', 'position')), 0)`;

/** Of what is stored from now on: it is found by an index, however many actions there are already. */
async function tallyFromNow(system: System, tenants: readonly string[]): Promise<string> {
  const [last] = await system.query<{ position: string }>(
    `SELECT ${lastPosition('security_action')} AS "position"`,
  );
  return `
    SELECT count("completedDateTime")::int AS "ended", max("completedDateTime") AS "lastEnded",
      count(*) FILTER (WHERE "status" = 'Failed')::int AS "failed",
      (SELECT count(*)::int FROM "outbox") AS "left",
      -- Each event has taken one position.
      ${lastPosition('outbox')}::int AS "relayed"
    FROM "security_action"
    WHERE "azureTenantId" IN (${tenants.map((name) => `'${name}'`).join()}) AND "position" > ${last!.position}`;
}

/** Tests have fewer partitions than there are by default. */
export function defaults(services: Services): Record<string, string> {
  return { KAFKA_PARTITIONS: String(partitionsOf(services)) };
}

/** A system that runs, as a contender: its actions from now on. */
export async function contenderOf(
  services: Services,
  system: System,
  { tenants = 1, connections, body = create, tokenSeconds }: Load = {},
): Promise<Contender> {
  const names = Array.from({ length: tenants }, (_, number) => `${TENANT_PREFIX}${number}`);
  const expires = tokenSeconds === undefined ? {} : { expiresInSeconds: tokenSeconds };
  const tokens = names.map((tenant) => system.issuer.token({ tenant, ...expires }));
  return {
    endpoint: {
      urls: system.apis.map(({ url }) => url),
      path: '/v1.0/security/securityActions',
      tokens: await Promise.all(tokens),
      body,
      ...(connections !== undefined && { connections }),
    },
    processes: { ...pidsOf('api', system.apis), ...pidsOf('worker', system.workers) },
    servers: ['kafka', 'postgres'],
    ledger: { databaseUrl: system.databaseUrl, tally: await tallyFromNow(system, names) },
    watch: () => EventsWatch.start(services, topicName(system.topicPrefix, 'events')),
  };
}

/** By name; several are numbered. */
function pidsOf(name: string, processes: readonly { pid: number }[]): Roots {
  const nameOf = (index: number) => (processes.length === 1 ? name : `${name} ${index + 1}`);
  return Object.fromEntries(processes.map(({ pid }, index) => [nameOf(index), pid]));
}

/**
 * The product as it is shipped: every setting at its default, the shipped catalogue's Simulator, which completes at once.
 * @param env further settings of its processes
 */
export const withOurs =
  (env: Record<string, string> = {}): WithContender =>
  (services, _directory, work) =>
    withOwnSystem(
      services,
      { ...PROCESSES, env: { ...defaults(services), ...env } },
      async (system) => work(await contenderOf(services, system)),
    );
