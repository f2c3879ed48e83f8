import { freePort } from '../../dev/process/ports.ts';
import { runOrThrow } from '../../dev/process/run.ts';
import { root } from '../../dev/repository.ts';
import type { WithContender } from './contender.ts';
import { create } from './ours.ts';
import { withPrograms } from './program.ts';
import { withDatabase, withTopic } from './scratch.ts';
import { TableWatch } from './table-watch.ts';

const COMPILED = '.cache/bench-naive';

const TALLY = `
  SELECT count("completedDateTime")::int AS "ended", max("completedDateTime") AS "lastEnded",
    0 AS "failed", 0 AS "left", 0 AS "relayed"
  FROM "action"`;
const ENDED = `SELECT "id" FROM "action" WHERE "id" = ANY($1::uuid[]) AND "status" = 'Completed'`;

/** Decorators need a compiler; Node alone runs the rest of bench/. */
function compile(): Promise<string> {
  const compiler = `${root}/node_modules/typescript/bin/tsc`;
  return runOrThrow('Compiling bench/naive', [process.execPath, compiler, '-p', 'bench/naive'], {
    cwd: root,
  });
}

/**
 * The same service as Nest's documentation teaches it: Express, `emit`, `@EventPattern`, `save` for each status. Its
 * accept waits for Kafka's word too, and is as durable. It checks no token, keeps no history, relays no events, and
 * keeps no order on a target.
 */
export const withNaive: WithContender = async (services, directory, work) => {
  await compile();
  return withDatabase(services, (databaseUrl) =>
    withTopic(services, async (topic) => {
      const port = await freePort();
      const env = {
        DATABASE_URL: databaseUrl,
        KAFKA_BROKERS: services.kafkaBrokers.join(','),
        KAFKAJS_NO_PARTITIONER_WARNING: '1',
        TOPIC: topic,
        PORT: String(port),
      };
      const [worker, api] = [
        ['worker', 'Nest microservice successfully started'],
        ['api', 'Nest application successfully started'],
      ].map(([name, readyLine]) => ({
        name: `naive-${name}`,
        script: `${COMPILED}/${name}.main.js`,
        env,
        readyLine: readyLine!,
      }));
      // The worker first: it makes the table.
      return withPrograms(directory, [worker!, api!], ([workerProcess, apiProcess]) =>
        work({
          endpoint: { urls: [`http://127.0.0.1:${port}`], path: '/actions', body: create },
          processes: { api: apiProcess!.pid, worker: workerProcess!.pid },
          servers: ['kafka', 'postgres'],
          ledger: { databaseUrl, tally: TALLY },
          watch: () => TableWatch.start(databaseUrl, ENDED),
        }),
      );
    }),
  );
};
