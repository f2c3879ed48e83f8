import { existsSync } from 'node:fs';
import { freePort } from '../process/ports.ts';
import { ExpectedError } from '../expected-error.ts';
import { type Service, ServiceProcess, startUnsupervised } from '../process/service.ts';
import { prepareContainer, findDocker } from './container.ts';
import { fetchJars, jarsDirectory } from './jars.ts';
import { findJava, JAVA_MAJOR_MIN } from './java.ts';
import { prepareJvm } from './jvm.ts';
import type { BrokerLink } from './server-properties.ts';

export interface KafkaOptions {
  /** Data, settings and log of the broker live here and survive it. */
  directory: string;
  /** Default: any free one. */
  port?: number;
  controllerPort?: number;
  /** Further ways in, for clients behind proxies. */
  links?: readonly BrokerLink[];
  /** Default: kafka.log in `directory`. */
  logFile?: string;
  /** Hears about the slow parts. */
  log?: (line: string) => void;
  /** Calls the start off. */
  signal?: AbortSignal;
}

export interface KafkaService extends Service {
  brokers: string[];
}

/** Everything up to the point where the broker can be launched: Java or Docker, jars, a formatted directory. */
export async function prepareKafka(options: KafkaOptions): Promise<KafkaService> {
  const settled = {
    ...options,
    port: options.port ?? (await freePort()),
    controllerPort: options.controllerPort ?? (await freePort()),
    logFile: options.logFile ?? `${options.directory}/kafka.log`,
    log: options.log ?? (() => undefined),
    links: options.links ?? [],
  };
  const java = await usableJava(settled);
  if (java !== undefined) return prepareJvm({ ...settled, java });
  settled.log('Kafka: no usable Java with Maven, so it runs in a container');
  return prepareContainer(settled);
}

/** The broker in the hands of a test or a tool. */
export class KafkaProcess extends ServiceProcess {
  readonly brokers: string[];

  constructor(service: KafkaService, child: ConstructorParameters<typeof ServiceProcess>[1]) {
    super(service, child);
    this.brokers = service.brokers;
  }
}

/** Starts an embedded Kafka and resolves when it answers. It ends with this process at the latest. */
export async function startKafka(options: KafkaOptions): Promise<KafkaProcess> {
  const service = await prepareKafka(options);
  return new KafkaProcess(service, await startUnsupervised(service, options.signal));
}

/**
 * The Java command, with the jars in place; undefined when a container has to do.
 * @throws ExpectedError that says what to install when there is neither.
 */
export async function usableJava(options: {
  log: (line: string) => void;
  signal?: AbortSignal;
}): Promise<string | undefined> {
  const java = await findJava(options.signal);
  if (java === undefined || java.major < JAVA_MAJOR_MIN) {
    if (await findDocker(options.signal)) return undefined;
    const found = java ? `Java ${java.major}, which is too old` : 'no Java';
    throw new ExpectedError(
      `Kafka needs Java ${JAVA_MAJOR_MIN} or newer with Maven, or a Docker engine that answers. Found ${found}, ` +
        'and no Docker engine. Install one of the two (Debian, Ubuntu: apt install openjdk-17-jre-headless maven; ' +
        'macOS: brew install openjdk maven), or set KAFKA_BROKERS to a broker that runs.',
    );
  }
  try {
    await ensureJars(options);
    return java.command;
  } catch (error) {
    if (!(error instanceof ExpectedError)) throw error;
    options.log(error.message);
    if (await findDocker(options.signal)) return undefined;
    throw error;
  }
}

async function ensureJars(options: {
  log: (line: string) => void;
  signal?: AbortSignal;
}): Promise<void> {
  if (existsSync(jarsDirectory())) return;
  options.log('Kafka: fetching its jars with Maven, this once …');
  await fetchJars(options.signal);
  options.log('Kafka: jars fetched');
}
