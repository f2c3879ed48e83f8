import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { launch } from '../process/child.ts';
import { runOrThrow } from '../process/run.ts';
import type { KafkaService } from './broker.ts';
import { jarsDirectory } from './jars.ts';
import { probeBroker } from './probe.ts';
import {
  type BrokerLink,
  type BrokerPlace,
  type ClusterPlace,
  formatProperties,
  serverProperties,
} from './server-properties.ts';

// Any will do: a cluster is told from others by its directories and ports.
const CLUSTER_ID = 'c2VjdXJpdHlhY3Rpb25zMQ';

export interface JvmOptions {
  directory: string;
  port: number;
  controllerPort: number;
  logFile: string;
  java: string;
  /** Default: the only node there is. */
  cluster?: ClusterPlace;
  /** Further ways in. */
  links?: readonly BrokerLink[];
  signal?: AbortSignal;
}

/** The broker as a JVM of its own. */
export async function prepareJvm(options: JvmOptions): Promise<KafkaService> {
  const { directory, port, java, logFile, cluster, signal } = options;
  const name = cluster ? `kafka-${cluster.nodeId}` : 'kafka';
  const propertiesFile = `${directory}/server.properties`;
  const classPath = ['-cp', `${jarsDirectory()}/*`];
  mkdirSync(directory, { recursive: true });
  writeFileSync(propertiesFile, formatProperties(serverProperties(brokerPlace(options))));
  await format(directory, [java, '-XX:TieredStopAtLevel=1', ...classPath], signal);
  return {
    name,
    brokers: [`127.0.0.1:${port}`],
    launch: () =>
      launch({
        name,
        command: java,
        args: [
          ...(cluster ? HEAP_OF_SEVERAL : HEAP),
          ...LOG_LEVELS,
          ...classPath,
          'kafka.Kafka',
          propertiesFile,
        ],
        logFile,
      }),
    probe: () => probeBroker(port),
  };
}

const HEAP = ['-Xms256m', '-Xmx512m'];
/** Of each, as they share a machine. */
const HEAP_OF_SEVERAL = ['-Xms128m', '-Xmx256m'];
const LOG_LEVELS = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
];

function brokerPlace({ directory, port, controllerPort, cluster, links }: JvmOptions): BrokerPlace {
  return {
    bindHost: '127.0.0.1',
    port,
    controllerPort,
    logDirectory: `${directory}/data`,
    ...(links && { links }),
    ...(cluster && { cluster }),
  };
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
