import { freePort } from '../../dev/process/ports.ts';
import { QUEUE } from '../pg-boss/queue.ts';
import type { WithContender } from './contender.ts';
import { create } from './ours.ts';
import { withPrograms } from './program.ts';
import { withDatabase } from './scratch.ts';
import { TableWatch } from './table-watch.ts';

const TALLY = `
  SELECT count(*) FILTER (WHERE "state" = 'completed')::int AS "ended", max("completed_on") AS "lastEnded",
    count(*) FILTER (WHERE "state" IN ('failed', 'retry'))::int AS "failed", 0 AS "left", 0 AS "relayed"
  FROM "pgboss"."job" WHERE "name" = '${QUEUE}'`;
const ENDED = `SELECT "id" FROM "pgboss"."job"
  WHERE "name" = '${QUEUE}' AND "id" = ANY($1::uuid[]) AND "state" = 'completed'`;

/**
 * A job queue in Postgres: `send` behind a bare Fastify, and a worker that takes and completes jobs in batches. It checks
 * no token, keeps no history, tells nobody of ends, and keeps no order on a target; Kafka has no part in it.
 */
export const withPgBoss: WithContender = (services, directory, work) =>
  withDatabase(services, async (databaseUrl) => {
    const port = await freePort();
    const env = { DATABASE_URL: databaseUrl, PORT: String(port) };
    const programs = ['server', 'worker'].map((name) => ({
      name: `pg-boss-${name}`,
      script: `bench/pg-boss/${name}.ts`,
      env,
      readyLine: 'ready',
    }));
    return withPrograms(directory, programs, ([server, worker]) =>
      work({
        endpoint: { urls: [`http://127.0.0.1:${port}`], path: '/actions', body: create },
        processes: { api: server!.pid, worker: worker!.pid },
        servers: ['postgres'],
        ledger: { databaseUrl, tally: TALLY },
        watch: () => TableWatch.start(databaseUrl, ENDED),
      }),
    );
  });
