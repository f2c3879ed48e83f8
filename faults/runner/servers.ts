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

  private constructor(
    kafka: KafkaProcess,
    postgres: PostgresProcess,
    disks: ReadonlyMap<string, Disk>,
    links: ReadonlyMap<AppName, Links>,
  ) {
    this.kafka = kafka;
    this.postgres = postgres;
    this.disks = disks;
    this.#links = links;
  }

  /** @param hasDisks each server gets a disk of its own, if this machine lets it */
  static async start(
    directory: string,
    log: (line: string) => void,
    hasDisks = false,
  ): Promise<Servers> {
    const disks = hasDisks ? mountDisks(directory) : new Map<string, Disk>();
    const ways = await Promise.all(
      CLIENTS.map(async () => ({ port: await freePort(), proxyPort: await freePort() })),
    );
    const [kafka, postgres] = await Promise.all([
      startKafka({ directory: `${directory}/kafka`, links: ways, log }),
      startPostgres({
        directory: `${directory}/postgres`,
        settings: POSTGRES,
      }),
    ]);
    const postgresPort = Number(new URL(postgres.url('postgres')).port);
    const links = await Promise.all(
      CLIENTS.map(async (name, index) => {
        const { port, proxyPort } = ways[index]!;
        const kafkaLink = await TcpProxy.start(port, proxyPort);
        return [name, { kafka: kafkaLink, postgres: await TcpProxy.start(postgresPort) }] as const;
      }),
    );
    return new Servers(kafka, postgres, disks, new Map(links));
  }

  linksOf(app: AppName): Links {
    return this.#links.get(app)!;
  }

  async stop(): Promise<void> {
    await Promise.all(
      [...this.#links.values()].flatMap(({ kafka, postgres }) => [kafka.stop(), postgres.stop()]),
    );
    await Promise.all([this.kafka.stop(), this.postgres.stop()]);
    for (const disk of this.disks.values()) disk.unmount();
  }
}

function mountDisks(directory: string): Map<string, Disk> {
  return new Map(
    ['kafka', 'postgres'].flatMap((name) => {
      const disk = Disk.mount(`${directory}/${name}`);
      return disk ? [[name, disk] as const] : [];
    }),
  );
}
