import { mkdirSync } from 'node:fs';
import { type KafkaProcess, startKafka } from './kafka/broker.ts';
import { ensureDatabase, type PostgresProcess, startPostgres } from './postgres/server.ts';

/** Kafka and Postgres for tests: what the environment names, or embedded ones of their own. */
export interface Services {
  kafkaBrokers: string[];
  /** The connection string of a database on the server; tests make databases of their own beside it. */
  databaseUrl: string;
  /** Undefined when KAFKA_BROKERS names one. */
  kafka: KafkaProcess | undefined;
  /** Undefined when DATABASE_URL names one. */
  postgres: PostgresProcess | undefined;
  /** Stops what was started here; the directory stays. */
  stop(): Promise<void>;
}

export interface ServicesOptions {
  /** Data and logs go here. */
  directory: string;
  log?: (line: string) => void;
  /** Further settings of the embedded Postgres. */
  postgresSettings?: Record<string, string>;
  env?: NodeJS.ProcessEnv;
}

const DATABASE = 'security_actions';

/** Starts both at once, on free ports. When one fails the other is stopped before the error is thrown. */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const { directory, log, postgresSettings: settings, env = process.env } = options;
  mkdirSync(directory, { recursive: true });
  const [brokers, url] = [env['KAFKA_BROKERS'], env['DATABASE_URL']];
  const [kafka, postgres] = await Promise.allSettled([
    brokers ? undefined : startKafka({ directory: `${directory}/kafka`, ...(log && { log }) }),
    url
      ? undefined
      : startPostgres({ directory: `${directory}/postgres`, ...(settings && { settings }) }),
  ]);
  const stop = async () => {
    await Promise.all([fulfilled(kafka)?.stop(), fulfilled(postgres)?.stop()]);
  };
  const failure = [kafka, postgres].find((result) => result.status === 'rejected');
  if (failure) {
    await stop();
    throw failure.reason;
  }
  const server = fulfilled(postgres);
  if (server) await ensureDatabase(server.url, DATABASE);
  return {
    kafkaBrokers: brokers?.split(',') ?? fulfilled(kafka)?.brokers ?? [],
    databaseUrl: url ?? server?.url(DATABASE) ?? '',
    kafka: fulfilled(kafka),
    postgres: server,
    stop,
  };
}

function fulfilled<T>(result: PromiseSettledResult<T>): T | undefined {
  return result.status === 'fulfilled' ? result.value : undefined;
}
