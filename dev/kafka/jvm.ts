import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { launch } from '../process/child.ts';
import { runOrThrow } from '../process/run.ts';
import type { KafkaService } from './broker.ts';
import { jarsDirectory } from './jars.ts';
import { probeBroker } from './probe.ts';
import { formatProperties, serverProperties } from './server-properties.ts';

// Any will do: the cluster has one node and is told from others by its directory.
const CLUSTER_ID = 'c2VjdXJpdHlhY3Rpb25zMQ';

export interface JvmOptions {
  directory: string;
  port: number;
  controllerPort: number;
  logFile: string;
  java: string;
  signal?: AbortSignal;
}

/** The broker as a JVM of its own. */
export async function prepareJvm(options: JvmOptions): Promise<KafkaService> {
  const { directory, port, java, logFile, signal } = options;
  const propertiesFile = `${directory}/server.properties`;
  const classPath = ['-cp', `${jarsDirectory()}/*`];
  mkdirSync(directory, { recursive: true });
  writeFileSync(propertiesFile, formatProperties(serverProperties(brokerPlace(options))));
  await format(directory, [java, '-XX:TieredStopAtLevel=1', ...classPath], signal);
  return {
    name: 'kafka',
    brokers: [`127.0.0.1:${port}`],
    launch: () =>
      launch({
        name: 'kafka',
        command: java,
        args: [...HEAP, ...LOG_LEVELS, ...classPath, 'kafka.Kafka', propertiesFile],
        logFile,
      }),
    probe: () => probeBroker(port),
  };
}

const HEAP = ['-Xms256m', '-Xmx512m'];
const LOG_LEVELS = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
];

function brokerPlace({ directory, port, controllerPort }: JvmOptions) {
  return { bindHost: '127.0.0.1', port, controllerPort, logDirectory: `${directory}/data` };
}

/** Formats a new data directory; the marker comes last, so one that was broken off begins anew. */
async function format(
  directory: string,
  java: [string, ...string[]],
  signal?: AbortSignal,
): Promise<void> {
  const marker = `${directory}/formatted`;
  if (existsSync(marker)) return;
  rmSync(`${directory}/data`, { recursive: true, force: true });
  const tool = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID];
  const command: [string, ...string[]] = [...java, ...tool, '-c', `${directory}/server.properties`];
  await runOrThrow('Formatting the data directory of Kafka', command, {
    ...(signal && { signal }),
  });
  writeFileSync(marker, '');
}
