import type { Progress } from '../progress.ts';
import { prepareKafka } from '../kafka/broker.ts';
import { ensureDatabase, preparePostgres } from '../postgres/server.ts';
import type { Child } from '../process/child.ts';
import type { Interrupt } from '../process/interrupt.ts';
import type { Service } from '../process/service.ts';
import { Supervisor } from '../process/supervisor.ts';
import { build, isBuilt } from './build.ts';
import { ensureCertificates } from './certificates.ts';
import { recordProcesses } from './directory.ts';
import { removeEndpoints, writeEndpoints } from './endpoints.ts';
import { appServices, issuerService } from './node-services.ts';
import { rememberedPorts } from './remembered-ports.ts';
import { runSetup } from './setup.ts';
import type { StackPlan } from './stack-environment.ts';
import { rememberAudience } from './token-defaults.ts';

const DATABASE = 'security_actions';
const SERVICES_GRACE_MS = 20_000;
const SERVICES_GRACE_MS_HURRIED = 3000;
// What the apps need beyond SHUTDOWN_GRACE_MS to commit offsets, flush and close.
const APPS_GRACE_EXTRA_MS = 5000;

/** Everything `npm start` runs, in the order it is started; it is stopped in the reverse order. */
export class RunningStack {
  readonly #plan: StackPlan;
  readonly #progress: Progress;
  readonly #interrupt: Interrupt;
  readonly #appsGraceMs: number;
  readonly #failure = new AbortController();
  /** Calls off what is being started: somebody asked to stop, or another part failed. */
  readonly #signal: AbortSignal;
  #services: Supervisor[] = [];
  #apps: Supervisor[] = [];
  #brokers: string[] = [];
  #databaseUrl = '';
  #serves = false;

  constructor(
    plan: StackPlan,
    { progress, interrupt, graceMs }: { progress: Progress; interrupt: Interrupt; graceMs: number },
  ) {
    this.#plan = plan;
    this.#progress = progress;
    this.#interrupt = interrupt;
    this.#signal = AbortSignal.any([interrupt.stop, this.#failure.signal]);
    this.#appsGraceMs = graceMs + APPS_GRACE_EXTRA_MS;
  }

  /** Resolves when everything serves. On a failure the caller stops what runs by then. */
  async start(): Promise<void> {
    await this.#together([
      this.#build(),
      this.#startKafka(),
      this.#startPostgres(),
      this.#startIssuer(),
      ensureCertificates(this.#plan.directory),
    ]);
    const environment = {
      ...this.#plan.environment,
      KAFKA_BROKERS: this.#brokers.join(','),
      DATABASE_URL: this.#databaseUrl,
    };
    await this.#progress.step('Topics and migrations', () =>
      runSetup([], environment, this.#signal),
    );
    await this.#startApps(environment);
    this.#serves = true;
    this.#changed();
  }

  /** The apps first, so that they can still settle with Kafka and Postgres what they hold. */
  async stop(): Promise<void> {
    this.#serves = false;
    removeEndpoints(this.#plan.directory);
    const { hurry } = this.#interrupt;
    await Promise.all(this.#apps.map((app) => app.stop(this.#appsGraceMs, hurry)));
    // Kafka and Postgres end within a second; even who is in a hurry gives them that, to start faster later.
    const graceMs = () => (hurry.aborted ? SERVICES_GRACE_MS_HURRIED : SERVICES_GRACE_MS);
    for (const service of this.#services.toReversed()) await service.stop(graceMs());
    recordProcesses(this.#plan.directory, []);
  }

  /**
   * The first failure calls the others off, but they are waited for all the same: what is just being started
   * must be known before it can be stopped.
   */
  async #together(starts: Promise<void>[]): Promise<void> {
    const failed = (reason: unknown) => this.#failure.abort(reason);
    await Promise.all(starts.map((start) => start.catch(failed)));
    this.#signal.throwIfAborted();
  }

  async #build(): Promise<void> {
    if (!isBuilt()) await this.#progress.step('Build', () => build(this.#signal));
  }

  async #startKafka(): Promise<void> {
    const { directory, externalBrokers } = this.#plan;
    if (externalBrokers) {
      this.#brokers = externalBrokers;
      this.#progress.line(`Kafka: ${externalBrokers.join(', ')} (KAFKA_BROKERS)`);
      return;
    }
    const ports = await rememberedPorts(directory, { kafka: 9092, kafkaController: undefined });
    const options = {
      directory: `${directory}/kafka`,
      port: ports.kafka,
      controllerPort: ports.kafkaController,
      logFile: `${directory}/log/kafka.log`,
      log: (line: string) => this.#progress.line(line),
      signal: this.#signal,
    };
    const service = await this.#progress.step('Preparing Kafka', () => prepareKafka(options));
    this.#brokers = service.brokers;
    await this.#supervise(this.#services, service, `Kafka on ${service.brokers.join(', ')}`);
  }

  async #startPostgres(): Promise<void> {
    const { directory, externalDatabaseUrl } = this.#plan;
    if (externalDatabaseUrl !== undefined) {
      this.#databaseUrl = externalDatabaseUrl;
      this.#progress.line(`Postgres: ${new URL(externalDatabaseUrl).host} (DATABASE_URL)`);
      return;
    }
    const ports = await rememberedPorts(directory, { postgres: 5432 });
    const service = await preparePostgres({
      directory: `${directory}/postgres`,
      port: ports.postgres,
      logFile: `${directory}/log/postgres.log`,
      signal: this.#signal,
    });
    await this.#supervise(this.#services, service, `Postgres on 127.0.0.1:${ports.postgres}`);
    await ensureDatabase(service.url, DATABASE);
    this.#databaseUrl = service.url(DATABASE);
  }

  async #startIssuer(): Promise<void> {
    const { hasOwnIssuer, issuer, directory, environment } = this.#plan;
    if (!hasOwnIssuer) {
      this.#progress.line(`Token issuer: ${issuer} (AUTH_JWKS_URI)`);
      return;
    }
    rememberAudience(directory, { issuer, audience: environment['AUTH_AUDIENCE'] ?? '' });
    await this.#supervise(this.#services, issuerService(this.#plan), `Token issuer on ${issuer}`);
  }

  async #startApps(environment: NodeJS.ProcessEnv): Promise<void> {
    const services = [
      ...appServices('api', this.#plan, environment),
      ...appServices('worker', this.#plan, environment),
    ];
    await this.#together(
      services.map((app) => this.#supervise(this.#apps, app, `Starting ${app.name}`)),
    );
  }

  async #supervise(group: Supervisor[], service: Service, text: string): Promise<void> {
    const supervisor = new Supervisor(service, {
      log: (line) => this.#progress.line(line),
      changed: () => this.#changed(),
    });
    group.push(supervisor);
    await this.#progress.step(text, () => supervisor.start(this.#signal));
  }

  #changed(): void {
    const children = [...this.#services, ...this.#apps].flatMap(({ child }) => child ?? []);
    recordProcesses(
      this.#plan.directory,
      children.map((child) => child.record),
    );
    if (this.#serves) this.#publish(children);
  }

  #publish(children: Child[]): void {
    const { directory, httpPort, httpsPort, adminPorts, caFile, issuer } = this.#plan;
    const apps = children.filter((child) => /^(api|worker)/.test(child.name));
    const others = children.filter((child) => !apps.includes(child));
    writeEndpoints(directory, {
      http: `http://localhost:${httpPort}`,
      https: `https://localhost:${httpsPort}`,
      caFile,
      admin: `http://localhost:${adminPorts[0]}`,
      kafkaBrokers: this.#brokers,
      databaseUrl: this.#databaseUrl,
      issuer,
      processes: [...apps, ...others].map(({ name, pid }) => ({ name, pid })),
    });
  }
}
