import { topicName } from '#kafka/topics';
import type { Services } from '../../dev/stack.ts';
import { withOwnSystem } from '../own-system.ts';
import type { Contender } from './contender.ts';
import { EventsWatch } from './events-watch.ts';
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

const TALLY = `
  SELECT count("completedDateTime")::int AS "ended", max("completedDateTime") AS "lastEnded",
    count(*) FILTER (WHERE "status" = 'Failed')::int AS "failed",
    (SELECT count(*)::int FROM "outbox") AS "left",
    -- Each event has taken one position.
    coalesce(pg_sequence_last_value(pg_get_serial_sequence('"outbox"', 'position')), 0)::int AS "relayed"
  FROM "security_action"`;

/** Tests have fewer partitions than there are by default. */
function defaults(services: Services): Record<string, string> {
  return { KAFKA_PARTITIONS: String(partitionsOf(services)) };
}

/**
 * The product as it is shipped: every setting at its default, the shipped catalogue's Simulator, which completes at once.
 * @param env further settings of its processes
 */
export const withOurs =
  (env: Record<string, string> = {}) =>
  <T>(
    services: Services,
    _directory: string,
    work: (contender: Contender) => Promise<T>,
  ): Promise<T> =>
    withOwnSystem(
      services,
      { ...PROCESSES, env: { ...defaults(services), ...env } },
      async (system) => {
        const { url } = system.apis[0]!;
        return work({
          endpoint: {
            url,
            path: '/v1.0/security/securityActions',
            token: await system.issuer.token(),
            body: create,
          },
          processes: { api: system.apis[0]!.pid, worker: system.workers[0]!.pid },
          servers: ['kafka', 'postgres'],
          ledger: { databaseUrl: system.databaseUrl, tally: TALLY },
          watch: () => EventsWatch.start(services, topicName(system.topicPrefix, 'events')),
        });
      },
    );
