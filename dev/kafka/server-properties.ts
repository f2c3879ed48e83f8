export interface BrokerPlace {
  /** What the broker binds to. */
  bindHost: string;
  port: number;
  controllerPort: number;
  logDirectory: string;
  /** Default: the only node there is. */
  cluster?: ClusterPlace;
  /** Further ways in. */
  links?: readonly BrokerLink[];
}

/**
 * A port beside the main one, for a client that comes through a proxy: the broker tells it the proxy's port, so that
 * it does not go past it with the next request.
 */
export interface BrokerLink {
  port: number;
  proxyPort: number;
}

/** One of several nodes, each of them broker and controller. */
export interface ClusterPlace {
  /** From 1, in the order of `controllerPorts`. */
  nodeId: number;
  /** Of all nodes. */
  controllerPorts: number[];
}

/** As in production: one node may be lost, and what was acknowledged is still there twice. */
const REPLICAS_MAX = 3;

const MINUTES_PER_DAY = 24 * 60;
const MIB = 1024 * 1024;

/** The settings of a broker: KRaft, replication if there are several nodes, nothing created by itself. */
export function serverProperties(place: BrokerPlace): Record<string, string> {
  const { bindHost, port, controllerPort, logDirectory, links = [] } = place;
  const { nodeId, controllerPorts } = place.cluster ?? {
    nodeId: 1,
    controllerPorts: [controllerPort],
  };
  const voters = controllerPorts.map((one, index) => `${index + 1}@127.0.0.1:${one}`);
  const replicas = String(Math.min(controllerPorts.length, REPLICAS_MAX));
  const inSyncMin = controllerPorts.length < REPLICAS_MAX ? '1' : '2';
  const list = (...parts: string[]) => parts.join(',');
  return {
    'process.roles': 'broker,controller',
    'node.id': String(nodeId),
    'controller.quorum.voters': voters.join(','),
    listeners: list(
      `PLAINTEXT://${bindHost}:${port}`,
      `CONTROLLER://127.0.0.1:${controllerPort}`,
      ...links.map((link, index) => `LINK${index}://${bindHost}:${link.port}`),
    ),
    'advertised.listeners': list(
      `PLAINTEXT://127.0.0.1:${port}`,
      ...links.map(({ proxyPort }, index) => `LINK${index}://127.0.0.1:${proxyPort}`),
    ),
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': list(
      'PLAINTEXT:PLAINTEXT',
      'CONTROLLER:PLAINTEXT',
      ...links.map((_link, index) => `LINK${index}:PLAINTEXT`),
    ),
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': logDirectory,
    'auto.create.topics.enable': 'false',
    // No shorter than the topics are kept: a group that was away that long must find its place again.
    'offsets.retention.minutes': String(14 * MINUTES_PER_DAY),
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSyncMin,
    'transaction.state.log.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSyncMin,
    // A broker that was killed is let back in once its old session has expired, by default after 9 s.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'group.initial.rebalance.delay.ms': '0',
    // The default of 128 MiB is a quarter of this broker's heap.
    'log.cleaner.dedupe.buffer.size': String(16 * MIB),
  };
}

/** The text of a .properties file. */
export function formatProperties(properties: Record<string, string>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${escapeValue(value)}\n`)
    .join('');
}

/** The names under which the official image takes the same settings. */
export function asContainerEnvironment(properties: Record<string, string>): string[] {
  return Object.entries(properties).map(
    ([name, value]) => `KAFKA_${name.toUpperCase().replaceAll('.', '_')}=${value}`,
  );
}

/** A path may hold a backslash, a leading blank or a letter beyond ASCII; the format needs those escaped. */
function escapeValue(value: string): string {
  return value
    .replaceAll('\\', '\\\\')
    .replace(/^ /, '\\ ')
    .replace(/[^\x20-\x7E]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
