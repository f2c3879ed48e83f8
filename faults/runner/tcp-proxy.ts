import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';

/*
 * What lies between two processes, in our hands. Toxiproxy would need a Go binary of its own on every machine that runs the
 * tests; the TCP proxies on npm pass bytes on and make no faults, or have had no release for years.
 */

/**
 * How a link is: `open`; `cut`: connections break, new ones too; `halfOpen`: they stay, and nothing that is sent
 * arrives; or slow: each part arrives so much later.
 */
export type LinkState = 'open' | 'cut' | 'halfOpen' | { delayMs: number };

/** What is under way in one direction: everything arrives in the order in which it was sent, however slow. */
class Flow {
  readonly #underWay: { dueMs: number; arrive: () => void }[] = [];

  pass(arrive: () => void, delayMs: number): void {
    if (delayMs === 0 && this.#underWay.length === 0) return arrive();
    const dueMs = Math.max(performance.now() + delayMs, this.#underWay.at(-1)?.dueMs ?? 0);
    this.#underWay.push({ dueMs, arrive });
    if (this.#underWay.length === 1) this.#await();
    return undefined;
  }

  #await(): void {
    const [next] = this.#underWay;
    if (next) setTimeout(() => this.#arrive(), Math.max(0, next.dueMs - performance.now()));
  }

  #arrive(): void {
    this.#underWay[0]!.arrive();
    this.#underWay.shift();
    this.#await();
  }
}

/** One connection through the proxy: the client's end, and the server's. */
interface Pair {
  client: Socket;
  server: Socket;
  /** Something that was sent on it was swallowed: it can only break now, as TCP loses nothing and goes on. */
  isSpoilt: boolean;
}

export class TcpProxy {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #pairs = new Set<Pair>();
  #state: LinkState = 'open';
  /** What its states have done so far: connections broken or refused, parts swallowed or delayed. */
  hits = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    // Each side ends by itself: the other may still have something to say.
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  /** Listens on 127.0.0.1 for a server there. @param port any free one unless given */
  static async start(targetPort: number, port = 0): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(port, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  set(state: LinkState): void {
    this.#state = state;
    for (const pair of this.#pairs) {
      if (state === 'cut') this.hits += 1;
      if (state === 'cut' || pair.isSpoilt) this.#drop(pair);
    }
  }

  async stop(): Promise<void> {
    for (const pair of this.#pairs) this.#drop(pair);
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    if (this.#state === 'cut') {
      this.hits += 1;
      client.on('error', () => undefined).resetAndDestroy();
      return;
    }
    const server = connect({
      host: '127.0.0.1',
      port: this.#targetPort,
      allowHalfOpen: true,
    });
    const pair = { client, server, isSpoilt: false };
    this.#pairs.add(pair);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const flow = new Flow();
      from.setNoDelay(true);
      from.on('data', (part: Buffer) => this.#pass(pair, flow, () => write(part, from, to)));
      from.on('error', () => undefined);
      from.once('end', () => this.#pass(pair, flow, () => to.end()));
      from.once('close', (isBroken) => {
        if (isBroken) this.#pass(pair, flow, () => this.#drop(pair));
        else if (to.closed) this.#pairs.delete(pair);
      });
    }
  }

  /** Of a half-open connection the other side learns nothing, not even that it has ended. */
  #pass(pair: Pair, flow: Flow, arrive: () => void): void {
    const state = this.#state;
    if (state !== 'open') this.hits += 1;
    if (state === 'halfOpen') pair.isSpoilt = true;
    else flow.pass(arrive, typeof state === 'object' ? state.delayMs : 0);
  }

  #drop(pair: Pair): void {
    this.#pairs.delete(pair);
    breakOff(pair);
  }
}

/** Nobody may fill this process with what the other side does not read. */
function write(part: Buffer, from: Socket, to: Socket): void {
  if (to.destroyed || to.write(part)) return;
  from.pause();
  to.once('drain', () => from.resume());
}

/** As a crash does it: what is under way is lost, and both sides learn that something is wrong. */
function breakOff({ client, server }: Pair): void {
  for (const socket of [client, server]) if (!socket.destroyed) socket.resetAndDestroy();
}
