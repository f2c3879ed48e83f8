import type { ServiceProcess } from '../../dev/process/service.ts';
import { freePort } from '../../dev/process/ports.ts';
import { type KafkaProcess, startKafka } from '../../dev/kafka/broker.ts';
import { type PostgresProcess, startPostgres } from '../../dev/postgres/server.ts';
import { Disk } from './full-disk.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** The processes of the product in every run. */
export const APIS = ['api-1', 'api-2'] as const;
export const WORKERS = ['worker-1', 'worker-2'] as const;
const CLIENTS = [...APIS, ...WORKERS] as const;

/** The settings of the embedded Postgres; it recycles its log early, so that a run of hours needs no more room. */
const POSTGRES = { max_connections: '300', max_wal_size: '128MB' };

export type AppName = (typeof CLIENTS)[number];

/** How one process reaches Kafka and Postgres: through a proxy of its own to each. */
interface Links {
  kafka: TcpProxy;
  postgres: TcpProxy;
}

/**
 * A Kafka and a Postgres to do harm to, behind a proxy for each process of the product. What records and judges reaches
 * them directly. Several runs may follow each other on them.
 */
export class Servers {
  readonly kafka: KafkaProcess;
  readonly postgres: PostgresProcess;
  /** The disk of each, where it can be made full. */
  readonly disks: ReadonlyMap<string, Disk>;
  readonly #links: ReadonlyMap<AppName, Links>;
  readonly #ends: AsyncDisposableStack;

  private constructor(
    kafka: KafkaProcess,
    postgres: PostgresProcess,
    disks: ReadonlyMap<string, Disk>,
    links: ReadonlyMap<AppName, Links>,
    ends: AsyncDisposableStack,
  ) {
    this.kafka = kafka;
    this.postgres = postgres;
    this.disks = disks;
    this.#links = links;
    this.#ends = ends;
  }

  /** Nothing of them is left when one cannot be started. @param hasDisks each gets a disk of its own, if this machine lets it */
  static async start(
    directory: string,
    log: (line: string) => void,
    hasDisks = false,
  ): Promise<Servers> {
    await using ends = new AsyncDisposableStack();
    const disks = hasDisks ? mountDisks(directory) : new Map<string, Disk>();
    for (const disk of disks.values()) ends.defer(() => disk.unmount());
    const ways = await Promise.all(
      CLIENTS.map(async () => ({ port: await freePort(), proxyPort: await freePort() })),
    );
    const starting = [
      startKafka({ directory: `${directory}/kafka`, links: ways, log }),
      startPostgres({
        directory: `${directory}/postgres`,
        settings: POSTGRES,
      }),
    ] as const;
    // One may come up after the other could not.
    for (const server of starting) ends.defer(() => stopStarted(server));
    const [kafka, postgres] = await Promise.all(starting);
    const postgresPort = Number(new URL(postgres.url('postgres')).port);
    const links = await Promise.all(
      CLIENTS.map(async (name, index) => {
        const { port, proxyPort } = ways[index]!;
        const kafkaLink = ends.adopt(await TcpProxy.start(port, proxyPort), stop);
        const postgresLink = ends.adopt(await TcpProxy.start(postgresPort), stop);
        return [name, { kafka: kafkaLink, postgres: postgresLink }] as const;
      }),
    );
    return new Servers(kafka, postgres, disks, new Map(links), ends.move());
  }

  linksOf(app: AppName): Links {
    return this.#links.get(app)!;
  }

  /** Ends all of them, whatever of it fails. */
  async stop(): Promise<void> {
    await this.#ends.disposeAsync();
  }
}

function stop(proxy: TcpProxy): Promise<void> {
  return proxy.stop();
}

async function stopStarted(starting: Promise<ServiceProcess>): Promise<void> {
  const server = await starting.catch(() => undefined);
  await server?.stop();
}

function mountDisks(directory: string): Map<string, Disk> {
  return new Map(
    ['kafka', 'postgres'].flatMap((name) => {
      const disk = Disk.mount(`${directory}/${name}`);
      return disk ? [[name, disk] as const] : [];
    }),
  );
}
