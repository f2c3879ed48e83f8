import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { AppProcess } from '../../test/support/app-process.ts';
import { System } from '../../test/support/system.ts';
import { WEBHOOKS, type WebhookName, catalogue } from './catalogue.ts';
import { COLLAPSE, type EntryOf } from '../history.ts';
import type { Subjects } from './fault-plan.ts';
import type { Disk } from './full-disk.ts';
import { Product } from './product.ts';
import type { Recorder } from './recorder.ts';
import { APIS, type AppName, type Servers, WORKERS } from './servers.ts';
import { type LinkState, TcpProxy } from './tcp-proxy.ts';
import { type Stop, Victim } from './victim.ts';

/** Short, so that a run has many takeovers; a pause is longer. */
const LEASE_MS = 3000;
const SHUTDOWN_GRACE_MS = 5000;
/** docs/operations.md: an API ends within SHUTDOWN_GRACE_MS, a worker has 5 s more to leave its groups. */
const STOPS_WITHIN_MS: Record<AppName, number> = {
  'api-1': SHUTDOWN_GRACE_MS,
  'api-2': SHUTDOWN_GRACE_MS,
  'worker-1': SHUTDOWN_GRACE_MS + 5000,
  'worker-2': SHUTDOWN_GRACE_MS + 5000,
};
const CLOCK_MODULE = fileURLToPath(new URL('shifted-clock.ts', import.meta.url));
const SECRET_ENV = 'FAULTS_WEBHOOK_SECRET';

/** The product with everything around it, as one run has it, and every handle by which a fault takes hold of it. */
export class World {
  readonly system: System;
  readonly product: Product;
  readonly victims: ReadonlyMap<string, Victim>;
  /** The proxies of each link; of a server, those of all its links. */
  readonly links: ReadonlyMap<string, readonly TcpProxy[]>;
  readonly disks: ReadonlyMap<string, Disk>;
  readonly #directory: string;
  readonly #ends: AsyncDisposableStack;

  private constructor(parts: {
    system: System;
    product: Product;
    victims: ReadonlyMap<string, Victim>;
    links: ReadonlyMap<string, readonly TcpProxy[]>;
    disks: ReadonlyMap<string, Disk>;
    directory: string;
    ends: AsyncDisposableStack;
  }) {
    this.system = parts.system;
    this.product = parts.product;
    this.victims = parts.victims;
    this.links = parts.links;
    this.disks = parts.disks;
    this.#directory = parts.directory;
    this.#ends = parts.ends;
  }

  /** Nothing of it is left when it cannot be started. */
  static async start(servers: Servers, recorder: Recorder): Promise<World> {
    await using ends = new AsyncDisposableStack();
    const directory = mkdtempSync(join(tmpdir(), 'security-actions-faults-'));
    ends.defer(() => rmSync(directory, { recursive: true }));
    const product = ends.adopt(await Product.start(recorder), (one) => one.stop());
    const providers = ends.adopt(await providerLinks(product), (all) => stopAll(all.values()));
    const urlOf = (name: WebhookName) => {
      const { port } = providers.get(name)!;
      return `http://127.0.0.1:${port}/${name}`;
    };
    const providersFile = join(directory, 'providers.yaml');
    writeFileSync(providersFile, stringify(catalogue(urlOf, SECRET_ENV)));
    const env = { PROVIDERS_FILE: providersFile, [SECRET_ENV]: product.secret };
    const system = ends.adopt(await startSystem(servers, env), (one) => one.stop());
    const apps = await startApps(servers, system, directory);
    const clients = ends.adopt(await clientLinks(apps), stopAll);
    const victims = victimsOf(servers, apps, recorder);
    ends.defer(() => leave(victims));
    return new World({
      system,
      product,
      victims,
      disks: servers.disks,
      links: linksOf(servers, providers, clients),
      directory,
      ends: ends.move(),
    });
  }

  /** Where clients reach the APIs: through a proxy as well. */
  get apis(): { name: string; url: string }[] {
    return APIS.map((name) => {
      const [{ port }] = this.links.get(`client>${name}`) as [TcpProxy];
      return { name, url: `http://127.0.0.1:${port}` };
    });
  }

  get subjects(): Subjects {
    const names = [...this.links.keys()];
    return {
      processes: [...this.victims.keys()],
      links: names.filter((name) => name.includes('>')),
      servers: names.filter((name) => !name.includes('>')),
      clocks: [...APIS, ...WORKERS],
      disks: [...this.disks.keys()],
    };
  }

  /** From now on, the wall clock of a process of the product is wrong by so much. */
  setClock(name: string, shiftMs: number): void {
    writeFileSync(clockFile(this.#directory, name), String(shiftMs));
  }

  setLink(name: string, state: LinkState): void {
    for (const proxy of this.links.get(name) ?? []) proxy.set(state);
  }

  /** What faults of this link have done so far. */
  hitsOf(link: string): number {
    return (this.links.get(link) ?? []).reduce((sum, { hits }) => sum + hits, 0);
  }

  /** Asks every process of the product to end, all at once, as at a deployment that replaces them. */
  async stopProduct(): Promise<void> {
    await Promise.all([...APIS, ...WORKERS].map((name) => this.victims.get(name)!.stop()));
  }

  /** Ends all of it, whatever of it fails. */
  async stop(): Promise<void> {
    await this.#ends.disposeAsync();
  }
}

function startSystem(servers: Servers, env: Record<string, string>): Promise<System> {
  return System.start({
    kafkaBrokers: servers.kafka.brokers.join(','),
    databaseUrl: servers.postgres.url('postgres'),
    apis: 0,
    workers: 0,
    env: { LEASE_MS: String(LEASE_MS), SHUTDOWN_GRACE_MS: String(SHUTDOWN_GRACE_MS), ...env },
  });
}

async function stopAll(proxies: Iterable<TcpProxy>): Promise<void> {
  await Promise.all([...proxies].map((proxy) => proxy.stop()));
}

/** Nobody starts processes of this run any more; the servers, which are those of the next one too, are left serving. */
async function leave(victims: ReadonlyMap<string, Victim>): Promise<void> {
  for (const name of [...APIS, ...WORKERS]) victims.get(name)!.retire();
  const servers = [victims.get('kafka')!, victims.get('postgres')!];
  await Promise.allSettled(servers.map((server) => server.revived()));
  for (const server of servers) server.retire();
}

function throughProxies(servers: Servers, system: System, name: AppName): Record<string, string> {
  const { kafka, postgres } = servers.linksOf(name);
  const url = new URL(system.databaseUrl);
  url.port = String(postgres.port);
  return { KAFKA_BROKERS: `127.0.0.1:${kafka.port}`, DATABASE_URL: url.href };
}

function clockFile(directory: string, name: string): string {
  return join(directory, `clock-${name}`);
}

async function providerLinks(product: Product): Promise<Map<WebhookName, TcpProxy>> {
  const names = Object.keys(WEBHOOKS) as WebhookName[];
  const proxies = names.map(async (name) => [name, await TcpProxy.start(product.port)] as const);
  return new Map(await Promise.all(proxies));
}

async function startApps(
  servers: Servers,
  system: System,
  directory: string,
): Promise<Map<AppName, AppProcess>> {
  const environment = (name: AppName) => ({
    ...throughProxies(servers, system, name),
    NODE_OPTIONS: `--import=${CLOCK_MODULE}`,
    SHIFTED_CLOCK_FILE: clockFile(directory, name),
  });
  const starts = [
    ...APIS.map(async (name) => [name, await system.startApi(environment(name))] as const),
    ...WORKERS.map(async (name) => [name, await system.startWorker(environment(name))] as const),
  ];
  return new Map(await Promise.all(starts));
}

function clientLinks(apps: ReadonlyMap<AppName, AppProcess>): Promise<TcpProxy[]> {
  return Promise.all(APIS.map((name) => TcpProxy.start(Number(new URL(apps.get(name)!.url).port))));
}

function victimsOf(
  { kafka, postgres }: Servers,
  apps: ReadonlyMap<AppName, AppProcess>,
  recorder: Recorder,
): Map<string, Victim> {
  const ofProduct = [...apps].map(([name, process]) => {
    const note = (isStarting: boolean) =>
      recorder.note<EntryOf<'ended'>>({ kind: 'ended', process: name, isStarting });
    const hooks = {
      stopped: (stop: Stop) =>
        recorder.note<EntryOf<'stopped'>>({
          kind: 'stopped',
          process: name,
          withinMs: STOPS_WITHIN_MS[name],
          ...stop,
        }),
      ended: (restored: Promise<void>) => {
        note(false);
        restored.catch((error) => recorder.breakOff(error));
      },
      endedWhileStarting: () => note(true),
    };
    return [name, new Victim(name, process, hooks)] as const;
  });
  // A server may end over a full disk, and that is its affair. It does so when the disk has room again, too.
  const ofServers = Object.entries({ kafka, postgres }).map(([name, process]) => {
    const hooks = {
      stopped: () => undefined,
      ended: (restored: Promise<void>) => {
        noteCollapse(recorder, name, restored).catch((error) => recorder.breakOff(error));
      },
      endedWhileStarting: () => undefined,
    };
    return [name, new Victim(name, process, hooks)] as const;
  });
  return new Map<string, Victim>([...ofProduct, ...ofServers]);
}

/** It is away until it serves again, whenever the fault was over that it ended of. */
async function noteCollapse(
  recorder: Recorder,
  subject: string,
  restored: Promise<void>,
): Promise<void> {
  const note = (phase: EntryOf<'fault'>['phase']) =>
    recorder.note<EntryOf<'fault'>>({ kind: 'fault', phase, nemesis: COLLAPSE, subject });
  note('strike');
  note('begin');
  await restored;
  note('end');
  note('over');
}

function linksOf(
  servers: Servers,
  providers: ReadonlyMap<WebhookName, TcpProxy>,
  clients: readonly TcpProxy[],
): Map<string, readonly TcpProxy[]> {
  const apps = [...APIS, ...WORKERS];
  const of = (server: 'kafka' | 'postgres') => apps.map((name) => servers.linksOf(name)[server]);
  return new Map<string, readonly TcpProxy[]>([
    ['kafka', of('kafka')],
    ['postgres', of('postgres')],
    ...[...providers].map(([name, proxy]) => [`provider:Acme/${name}`, [proxy]] as const),
    ...apps.map((name) => [`${name}>kafka`, [servers.linksOf(name).kafka]] as const),
    ...apps.map((name) => [`${name}>postgres`, [servers.linksOf(name).postgres]] as const),
    ...clients.map((proxy, index) => [`client>${APIS[index]}`, [proxy]] as const),
  ]);
}
