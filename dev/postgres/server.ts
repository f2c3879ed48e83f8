import { chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import pg from 'pg';
import { type Child, launch } from '../process/child.ts';
import { freePort } from '../process/ports.ts';
import { runOrThrow } from '../process/run.ts';
import { type Service, ServiceProcess, startUnsupervised } from '../process/service.ts';
import { findBinaries } from './binaries.ts';
import { findRunAs, type RunAs } from './system-user.ts';

const USER = 'postgres';
// Known to everyone, and of use to nobody elsewhere: the server listens on 127.0.0.1 only.
const PASSWORD = 'postgres';
const PROBE_TIMEOUT_MS = 2000;

export interface PostgresOptions {
  /** Data and log of the server live here and survive it. */
  directory: string;
  /** Default: any free one. */
  port?: number;
  /** Default: postgres.log in `directory`. */
  logFile?: string;
  /** Further server settings, such as `{ max_connections: '300' }`. */
  settings?: Record<string, string>;
  /** Calls the start off. */
  signal?: AbortSignal;
}

export interface PostgresService extends Service {
  url: (database: string) => string;
}

/** Everything up to the point where the server can be launched: its programs, its user, its data directory. */
export async function preparePostgres(options: PostgresOptions): Promise<PostgresService> {
  const { signal } = options;
  const directory = resolve(options.directory); // The programs run in another working directory.
  const port = options.port ?? (await freePort());
  const logFile = options.logFile ?? `${directory}/postgres.log`;
  const { initdb, postgres } = await findBinaries();
  mkdirSync(directory, { recursive: true });
  const runAs = await findRunAs(postgres, directory);
  await initialise(initdb, runAs, directory, signal);
  const { command, args, ids } = asCommand(runAs, postgres, ['-D', `${directory}/data`]);
  const url = (database: string) =>
    `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  return {
    name: 'postgres',
    url,
    launch: () =>
      launch({
        name: 'postgres',
        command,
        args: [...args, ...serverSettings(port, options.settings)],
        ...ids,
        cwd: '/',
        logFile,
        stopSignal: 'SIGINT', // "Fast": ends the sessions. SIGTERM would wait for every client to leave.
      }),
    probe: () => probe(url('postgres')),
  };
}

/** The server in the hands of a test or a tool. */
export class PostgresProcess extends ServiceProcess {
  /** The connection string of a database of this server. */
  readonly url: (database: string) => string;

  constructor(service: PostgresService, child: Child) {
    super(service, child);
    this.url = service.url;
  }
}

/** Starts an embedded Postgres and resolves when it answers. It ends with this process at the latest. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresProcess> {
  const service = await preparePostgres(options);
  return new PostgresProcess(service, await startUnsupervised(service, options.signal));
}

/** Creates the database a connection string names, unless it exists. */
export async function ensureDatabase(
  url: (database: string) => string,
  name: string,
): Promise<void> {
  const client = new pg.Client({ connectionString: url('postgres') });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

/** Makes a new data directory; the marker comes last, so one that was broken off begins anew. */
async function initialise(
  initdb: string,
  runAs: RunAs,
  directory: string,
  signal?: AbortSignal,
): Promise<void> {
  const marker = `${directory}/initialised`;
  if (existsSync(marker)) return;
  const data = `${directory}/data`;
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { mode: 0o700 });
  const passwordFile = `${directory}/password`;
  writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
  const { owner } = runAs;
  if (owner) for (const path of [data, passwordFile]) chownSync(path, owner.uid, owner.gid);
  // The builtin locale sorts the same on every platform, and knows Unicode's upper and lower case.
  const locale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const access = [`--username=${USER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  const options = [`--pgdata=${data}`, '--encoding=UTF8', ...access, ...locale];
  const { command, args, ids } = asCommand(runAs, initdb, options);
  await runOrThrow('Creating the data directory of Postgres', [command, ...args], {
    ...ids,
    cwd: '/',
    ...(signal && { signal }),
  });
  rmSync(passwordFile);
  writeFileSync(marker, '');
}

function serverSettings(port: number, further: Record<string, string> = {}): string[] {
  const settings: Record<string, string> = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    // A socket file has a path of 107 bytes at most, which a deep directory exceeds.
    unix_socket_directories: '',
    max_connections: '200',
    // As in docker-compose.yml and docs/operations.md.
    autovacuum_naptime: '15s',
    ...further,
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** A program with its arguments, as the user that may run it. */
function asCommand(runAs: RunAs, program: string, args: string[]) {
  const [command = program, ...rest] = [...runAs.prefix, program, ...args];
  return { command, args: rest, ids: runAs.ids };
}

async function probe(connectionString: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: PROBE_TIMEOUT_MS });
  // An error while it is idle would otherwise end this process; the query below reports it anyway.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return undefined;
  } finally {
    await client.end().catch(() => undefined);
  }
}
