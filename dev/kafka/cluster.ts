import { ExpectedError } from '../expected-error.ts';
import { freePort } from '../process/ports.ts';
import { startUnsupervised, waitUntilReady } from '../process/service.ts';
import { KafkaProcess, type KafkaService, usableJava } from './broker.ts';
import { prepareJvm } from './jvm.ts';
import { probeBroker } from './probe.ts';

export interface ClusterOptions {
  /** Each node has a directory of its own in it. */
  directory: string;
  nodes: number;
}

/**
 * Several brokers that are also the controllers, to be killed one by one. Resolves when each of them knows all others:
 * the node with id n is at index n - 1. They end with this process at the latest.
 * @throws ExpectedError without Java: containers would not reach each other at the addresses that clients need.
 */
export async function startKafkaCluster(options: ClusterOptions): Promise<KafkaProcess[]> {
  const services = await prepareCluster(options);
  const started = await Promise.allSettled(
    services.map((service) => start(service, options.nodes)),
  );
  const running = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failure = started.find((one) => one.status === 'rejected');
  if (!failure) return running;
  await Promise.all(running.map((node) => node.kill()));
  throw failure.reason;
}

async function prepareCluster({ directory, nodes }: ClusterOptions): Promise<KafkaService[]> {
  const java = await usableJava({ log: () => undefined });
  if (java === undefined) throw new ExpectedError('Several brokers need Java with Maven.');
  const indexes = Array.from({ length: nodes }, (_, index) => index);
  const ports = await Promise.all(indexes.map(freePort));
  const controllerPorts = await Promise.all(indexes.map(freePort));
  return await Promise.all(
    indexes.map((index) => {
      const nodeId = index + 1;
      return prepareJvm({
        directory: `${directory}/${nodeId}`,
        port: ports[index]!,
        controllerPort: controllerPorts[index]!,
        logFile: `${directory}/kafka-${nodeId}.log`,
        java,
        cluster: { nodeId, controllerPorts },
      });
    }),
  );
}

async function start(service: KafkaService, nodes: number): Promise<KafkaProcess> {
  const child = await startUnsupervised(service);
  const port = Number(service.brokers[0]!.split(':')[1]);
  // Once: when it is started again, others may be away.
  await waitUntilReady({ ...service, probe: () => probeBroker(port, nodes) }, child);
  return new KafkaProcess(service, child);
}
