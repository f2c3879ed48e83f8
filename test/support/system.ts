import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import { loadSettings } from '#config/settings';
import { freePort } from '../../dev/process/ports.ts';
import { startUnsupervised, stopInTime } from '../../dev/process/service.ts';
import { runOrThrow } from '../../dev/process/run.ts';
import { certificateFiles, ensureCertificates } from '../../dev/stack/certificates.ts';
import { nodeService } from '../../dev/stack/node-services.ts';
import { ensureDatabase } from '../../dev/postgres/server.ts';
import { root } from '../../dev/repository.ts';
import type { TokenRequest } from '../../dev/token.ts';
import { AppProcess } from './app-process.ts';
import { Client } from './client.ts';
import { type Issuer, startIssuer } from './issuer.ts';

export interface SystemOptions {
  /** Default: the services of the run. */
  kafkaBrokers?: string;
  databaseUrl?: string;
  /** Settings of every process. */
  env?: Record<string, string>;
  apis?: number;
  workers?: number;
  /** Serves over TLS as well: `httpsUrl` of each API, under the authority of `caFile`. */
  https?: boolean;
}

/** One line of the effects file: the simulated product acted, and did not take it back. */
export interface Effect {
  actionId: string;
  attemptId: string;
  attempt: number;
  provider: string;
}

/**
 * The product as an operator runs it: real processes with a database and topics of their own. A test may do to it
 * what an operator, a crash or an outage may do, and nothing else.
 */
export class System {
  readonly apis: AppProcess[] = [];
  readonly workers: AppProcess[] = [];
  readonly issuer: Issuer;
  readonly directory: string;
  readonly topicPrefix: string;
  readonly kafkaBrokers: string;
  readonly databaseUrl: string;
  readonly caFile: string;
  readonly #env: Record<string, string>;
  readonly #https: boolean;
  readonly #started = { api: 0, worker: 0 };
  /** Every start, of which some may be under way. */
  readonly #starts: Promise<AppProcess>[] = [];
  #pool: pg.Pool | undefined;

  private constructor(
    issuer: Issuer,
    name: string,
    services: Required<Pick<SystemOptions, 'kafkaBrokers' | 'databaseUrl'>>,
    { env = {}, https = false }: SystemOptions,
  ) {
    this.issuer = issuer;
    this.directory = mkdtempSync(join(tmpdir(), `security-actions-${name}-`));
    this.topicPrefix = name;
    this.kafkaBrokers = services.kafkaBrokers;
    this.databaseUrl = services.databaseUrl;
    this.caFile = certificateFiles(this.directory).caFile;
    this.#env = env;
    this.#https = https;
  }

  static async start(options: SystemOptions = {}): Promise<System> {
    const name = `t${randomBytes(5).toString('hex')}`;
    const server = new URL(options.databaseUrl ?? inject('databaseUrl'));
    server.pathname = `/${name}`;
    const services = {
      kafkaBrokers: options.kafkaBrokers ?? inject('kafkaBrokers'),
      databaseUrl: server.href,
    };
    const system = new System(await startIssuer(), name, services, options);
    try {
      await system.#prepare();
      await Promise.all([
        ...Array.from({ length: options.apis ?? 1 }, () => system.startApi()),
        ...Array.from({ length: options.workers ?? 1 }, () => system.startWorker()),
      ]);
      return system;
    } catch (error) {
      await system.stop();
      throw error;
    }
  }

  /**
   * Everything is ended, and must end by itself.
   * @throws ExpectedError when a process had to be killed, once everything has ended
   */
  async stop(): Promise<void> {
    await Promise.allSettled(this.#starts);
    try {
      await stopInTime([...this.apis, ...this.workers]);
    } finally {
      await this.#pool?.end();
      await this.issuer.stop();
      rmSync(this.directory, { recursive: true, force: true });
    }
  }

  startApi(env: Record<string, string> = {}): Promise<AppProcess> {
    return this.#noted(this.#startHttp(env));
  }

  startWorker(env: Record<string, string> = {}): Promise<AppProcess> {
    return this.#noted(this.#startApp('worker', this.workers, env));
  }

  /** A client of the first API, or of another, for an application that may read and write. */
  async client(request: Partial<TokenRequest> = {}, api = 0): Promise<Client> {
    return new Client(this.apis[api]!.url, await this.issuer.token(request));
  }

  /** What the simulated product did and has not taken back, in order. */
  effects(): Effect[] {
    const file = `${this.directory}/effects.jsonl`;
    if (!existsSync(file)) return [];
    const texts = readFileSync(file, 'utf8').split('\n').filter(Boolean);
    const lines = texts.map((text) => JSON.parse(text) as Effect & { takenBack?: boolean });
    const takenBackAt = new Map(
      lines.flatMap(({ actionId, takenBack }, index) => (takenBack ? [[actionId, index]] : [])),
    );
    return lines.filter(({ actionId }, index) => index > (takenBackAt.get(actionId) ?? -1));
  }

  /** Looks into the database, past the product. */
  async query<T extends object>(sql: string, values: unknown[] = []): Promise<T[]> {
    this.#pool ??= new pg.Pool({ connectionString: this.databaseUrl, max: 2 });
    // An outage that a test makes must not end the test by an unhandled error of an idle connection.
    if (this.#pool.listenerCount('error') === 0) this.#pool.on('error', () => undefined);
    return (await this.#pool.query<T>(sql, values)).rows;
  }

  /** How many actions have which status. */
  async statuses(): Promise<Record<string, number>> {
    const rows = await this.query<{ status: string; count: number }>(
      'SELECT status, count(*)::int AS count FROM security_action GROUP BY status',
    );
    return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
  }

  #noted(start: Promise<AppProcess>): Promise<AppProcess> {
    this.#starts.push(start);
    return start;
  }

  async #startHttp(env: Record<string, string>): Promise<AppProcess> {
    const port = await freePort();
    const tls = this.#https ? await this.#tlsSettings() : {};
    return this.#startApp('api', this.apis, { HTTP_PORT: String(port), ...tls, ...env });
  }

  async #tlsSettings(): Promise<Record<string, string>> {
    const { certFile, keyFile } = certificateFiles(this.directory);
    const port = await freePort();
    return { HTTPS_PORT: String(port), TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile };
  }

  async #prepare(): Promise<void> {
    if (this.#https) await ensureCertificates(this.directory);
    await ensureDatabase((database) => {
      const url = new URL(this.databaseUrl);
      url.pathname = `/${database}`;
      return url.href;
    }, this.topicPrefix);
    const script = 'dist/apps/setup/src/main.js';
    await runOrThrow('Topics and migrations', [process.execPath, script], {
      cwd: root,
      env: this.#environment({}),
    });
  }

  async #startApp(
    app: 'api' | 'worker',
    group: AppProcess[],
    env: Record<string, string>,
  ): Promise<AppProcess> {
    // Taken before anything is waited for: several start at once, each with a log of its own.
    const number = ++this.#started[app];
    const adminPort = await freePort();
    const environment = this.#environment({ ADMIN_PORT: String(adminPort), ...env });
    const service = nodeService(this.directory, {
      name: `${app}-${number}`,
      script: `dist/apps/${app}/src/main.js`,
      env: environment,
      probeUrl: `http://127.0.0.1:${adminPort}/readyz`,
    });
    const started = new AppProcess(service, await startUnsupervised(service), {
      url: `http://127.0.0.1:${env['HTTP_PORT']}`,
      httpsUrl: `https://localhost:${env['HTTPS_PORT']}`,
      adminUrl: `http://127.0.0.1:${adminPort}`,
      logFile: `${this.directory}/log/${service.name}.log`,
      graceMs: loadSettings({ SHUTDOWN_GRACE_MS: environment['SHUTDOWN_GRACE_MS'] })
        .SHUTDOWN_GRACE_MS,
    });
    group.push(started);
    return started;
  }

  #environment(env: Record<string, string>): NodeJS.ProcessEnv {
    return {
      PATH: process.env['PATH'],
      HTTP_HOST: '127.0.0.1',
      KAFKA_BROKERS: this.kafkaBrokers,
      KAFKA_TOPIC_PREFIX: this.topicPrefix,
      KAFKA_PARTITIONS: '4',
      DATABASE_URL: this.databaseUrl,
      AUTH_ISSUER: this.issuer.issuer,
      AUTH_JWKS_URI: this.issuer.jwksUri,
      SIMULATOR_EFFECTS_FILE: `${this.directory}/effects.jsonl`,
      ...this.#env,
      ...env,
    };
  }
}
