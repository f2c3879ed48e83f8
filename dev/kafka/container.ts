import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { launch } from '../process/child.ts';
import { run, runOrThrow } from '../process/run.ts';
import type { KafkaService } from './broker.ts';
import { probeBroker } from './probe.ts';
import { type BrokerLink, asContainerEnvironment, serverProperties } from './server-properties.ts';

const IMAGE = 'apache/kafka:4.4.0';
const DATA = '/var/lib/kafka/data';

export interface ContainerOptions {
  directory: string;
  port: number;
  controllerPort: number;
  logFile: string;
  log: (line: string) => void;
  links: readonly BrokerLink[];
  signal?: AbortSignal;
}

/** True when a Docker engine answers. */
export async function findDocker(signal?: AbortSignal): Promise<boolean> {
  const { code } = await run('docker', ['version', '--format', '{{.Server.Version}}'], {
    ...(signal && { signal }),
  });
  return code === 0;
}

/**
 * The broker in the official image, for machines without Java. The process we hold is `docker run`, which
 * hands signals on; the container listens on the same port inside, so that one address fits both sides.
 */
export async function prepareContainer(options: ContainerOptions): Promise<KafkaService> {
  const { directory, port, controllerPort, logFile, log, links, signal } = options;
  const name = containerName(directory);
  const place = { bindHost: '0.0.0.0', port, controllerPort, logDirectory: DATA, links };
  const settings = asContainerEnvironment(serverProperties(place)).flatMap((one) => ['-e', one]);
  const ports = [port, ...links.map((link) => link.port)];
  const published = ports.flatMap((one) => ['-p', `127.0.0.1:${one}:${one}`]);
  const args = ['run', '--rm', '--name', name, ...published];
  await ensureImage(log, signal);
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${directory}/container`, `${name}\n`);
  return {
    name: 'kafka',
    brokers: [`127.0.0.1:${port}`],
    launch: async () => {
      await run('docker', ['rm', '-f', name]); // Left by a `docker run` that was killed.
      return launch({
        name: 'kafka',
        command: 'docker',
        args: [...args, '-v', `${name}:${DATA}`, ...settings, IMAGE],
        logFile,
      });
    },
    probe: () => probeBroker(port),
  };
}

/** Removes what a container of this directory left: itself and its volume. */
export async function removeContainer(directory: string): Promise<void> {
  const name = containerName(directory);
  await run('docker', ['rm', '-f', name]);
  await run('docker', ['volume', 'rm', '-f', name]);
}

function containerName(directory: string): string {
  const place = createHash('sha256').update(directory).digest('hex').slice(0, 12);
  return `security-actions-kafka-${place}`;
}

async function ensureImage(log: (line: string) => void, signal?: AbortSignal): Promise<void> {
  const options = { ...(signal && { signal }) };
  const { code } = await run('docker', ['image', 'inspect', IMAGE], options);
  if (code === 0) return;
  log(`Kafka: pulling ${IMAGE} …`);
  await runOrThrow(`Pulling ${IMAGE}`, ['docker', 'pull', '-q', IMAGE], options);
}
