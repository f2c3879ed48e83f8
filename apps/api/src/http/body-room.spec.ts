import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Body, Controller, Get, Post } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { portOf, startFixture } from './application.fixture.ts';
import { listen } from './application.ts';

const PATH = 'security/securityActions';
const BYTES_MAX = 2000;
const ROOM_BYTES = 3000;
/** That each body counts for once it is there. */
const COPIES = 3;
/** Two of them are too much. */
const LARGE = 1800;
const SOON = { timeout: 4000 };

/** Answers when the test says so. */
@Controller(PATH)
class HoldingController {
  static held: PromiseWithResolvers<void>[] = [];

  @Post()
  async create(@Body() body: unknown): Promise<unknown> {
    await HoldingController.hold();
    return { length: String(body).length };
  }

  @Get()
  async list(): Promise<unknown> {
    await HoldingController.hold();
    return {};
  }

  static async hold(): Promise<void> {
    const held = Promise.withResolvers<void>();
    HoldingController.held.push(held);
    await held.promise;
  }
}

/** A client that sends what it likes, when it likes, and keeps all that comes back. */
class Connection {
  received = '';
  readonly #socket: Socket;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (chunk) => (this.received += chunk.toString('latin1')));
    this.#socket.on('error', () => this.#socket.destroy());
  }

  begin(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }

  /** Resolves once all of it is with the system. */
  send(bytes: string | Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.write(bytes, () => resolve());
    });
  }

  breakOff(): void {
    this.#socket.destroy();
  }

  /** The statuses of the answers so far. */
  get statuses(): string[] {
    return [...this.received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status!);
  }
}

const head = (headers: string, method = 'POST') =>
  `${method} /${PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}\r\n\r\n`;
const jsonOf = (bytes: number) => JSON.stringify('x'.repeat(bytes - 2));
const withLength = (bytes: number) => head(`Content-Length: ${bytes}`) + jsonOf(bytes);
const chunkOf = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const zipped = (bytes: number, headers = '') => {
  const body = gzipSync(jsonOf(bytes));
  return Buffer.concat([Buffer.from(head(`Content-Length: ${body.length}${headers}`)), body]);
};

describe('the room for bodies', () => {
  let app: NestFastifyApplication;
  let port: number;
  const connections: Connection[] = [];

  beforeAll(async () => {
    const env = {
      LOG_LEVEL: 'silent',
      BODY_BYTES_IN_FLIGHT_MAX: `${ROOM_BYTES * COPIES}`,
      BODY_BYTES_MAX: `${BYTES_MAX}`,
    };
    const fixture = await startFixture({ env, controllers: [HoldingController] });
    app = fixture.app;
    await listen(app, fixture.settings);
    port = portOf(app);
  });
  afterEach(async () => {
    letGo();
    await breakOffAll();
    await roomIsAsItWas();
    await breakOffAll();
  });
  afterAll(() => app.close());

  const open = () => {
    const connection = new Connection(port);
    connections.push(connection);
    return connection;
  };
  const sent = (bytes: string | Buffer) => {
    const connection = open();
    connection.begin(bytes);
    return connection;
  };
  const underWay = (count: number) =>
    expect.poll(() => HoldingController.held.length, SOON).toBe(count);
  const letGo = () => HoldingController.held.splice(0).forEach(({ resolve }) => resolve());
  /** Of the first answer. */
  const statusOf = async (connection: Connection) => {
    await expect.poll(() => connection.statuses.length, SOON).toBeGreaterThan(0);
    return connection.statuses[0];
  };
  const answered = (connection: Connection, ...statuses: string[]) =>
    expect.poll(() => connection.statuses, SOON).toEqual(statuses);
  /** What has been sent before is known to the server once there is no room beside it. */
  const untilFull = () =>
    expect
      .poll(async () => {
        const probe = sent(withLength(LARGE));
        await expect
          .poll(() => {
            letGo();
            return probe.statuses.length;
          }, SOON)
          .toBe(1);
        return probe.statuses[0];
      }, SOON)
      .toBe('503');
  const connected = () =>
    new Promise((resolve) => {
      app.getHttpServer().getConnections((_error, count) => resolve(count));
    });
  const noneConnected = () => expect.poll(connected, SOON).toBe(0);
  async function breakOffAll(): Promise<void> {
    for (const connection of connections.splice(0)) connection.breakOff();
    await noneConnected();
  }
  /** One LARGE body fits beside SMALL bytes, and two do not: all was given back, and nothing twice. */
  async function roomIsAsItWas(): Promise<void> {
    const small = ROOM_BYTES - LARGE;
    const first = sent(withLength(small));
    await underWay(1);
    let second = sent(withLength(LARGE));
    // Until what another test left is gone, it is refused.
    await expect
      .poll(() => {
        if (second.statuses[0] === '503') second = sent(withLength(LARGE));
        return HoldingController.held.length;
      }, SOON)
      .toBe(2);
    await answered(sent(withLength(2)), '503');
    letGo();
    await answered(first, '201');
    await answered(second, '201');
  }

  it('that is taken is told by 503 with Retry-After, before the body comes, and is free again later', async () => {
    const first = sent(withLength(LARGE));
    await underWay(1);
    const refused = open();
    await refused.send(head(`Content-Length: ${LARGE}`));
    await answered(refused, '503');
    expect(refused.received).toMatch(/^retry-after: [1-9]/im);
    expect(refused.received).toContain('"code":"serviceNotAvailable"');
    expect(refused.received).toContain('"client-request-id"');
    expect(refused.received).not.toMatch(/^connection: close/im);
    letGo();
    await answered(first, '201');
    // The body that nobody reads any more, and on the same connection the next request.
    await refused.send(jsonOf(LARGE) + withLength(LARGE));
    await underWay(1);
    letGo();
    await answered(refused, '503', '201');
  });

  it('is not taken by those who announce a body and do not send it', async () => {
    const idle = Array.from({ length: 20 }, () => sent(head(`Content-Length: ${LARGE}`)));
    const chunked = sent(`${head('Transfer-Encoding: chunked')}${chunkOf(jsonOf(100))}`);
    await underWay(0);
    const next = sent(withLength(LARGE));
    await underWay(1);
    letGo();
    await answered(next, '201');
    expect([...idle, chunked].flatMap(({ statuses }) => statuses)).toEqual([]);
  });

  it('ends bodies in chunks where they no longer fit', async () => {
    const text = jsonOf(LARGE);
    const slow = open();
    await slow.send(head('Transfer-Encoding: chunked') + chunkOf(text.slice(0, 1000)));
    const first = sent(withLength(LARGE));
    await underWay(1);
    await slow.send(`${chunkOf(text.slice(1000))}0\r\n\r\n`);
    await answered(slow, '503');
    expect(slow.received).toMatch(/^retry-after: [1-9]/im);
    letGo();
    await answered(first, '201');
  });

  it.each([
    ['says so', '\r\nContent-Encoding: gzip'],
    ['does not say so', ''],
  ])(
    'is needed for what gzip may become, and then for what it became, when the header %s',
    async (_how, header) => {
      const first = sent(withLength(LARGE));
      await underWay(1);
      expect(await statusOf(sent(zipped(LARGE, header)))).toBe('503');
      letGo();
      await answered(first, '201');
      const small = sent(zipped(ROOM_BYTES - LARGE, header));
      await underWay(1);
      const large = sent(withLength(LARGE));
      await underWay(2);
      await answered(sent(withLength(2)), '503');
      letGo();
      await answered(small, '201');
      await answered(large, '201');
    },
  );

  it('is no reason to refuse a body that is too large in any case', async () => {
    const first = sent(withLength(LARGE));
    await underWay(1);
    expect(await statusOf(sent(withLength(BYTES_MAX + 1)))).toBe('413');
    letGo();
    await answered(first, '201');
  });

  it('stays taken when the client has gone, until the work on its body has ended', async () => {
    const gone = sent(withLength(LARGE));
    await underWay(1);
    gone.breakOff();
    await noneConnected();
    expect(await statusOf(sent(withLength(LARGE)))).toBe('503');
    letGo();
  });

  it('is given back when the client goes in the midst of its body', async () => {
    const gone = Array.from({ length: COPIES }, open);
    for (const one of gone)
      await one.send(head(`Content-Length: ${LARGE}`) + jsonOf(LARGE).slice(0, -1));
    await untilFull();
    expect(gone.flatMap(({ statuses }) => statuses)).toEqual([]);
    for (const one of gone) one.breakOff();
  });

  it('is given back for what waits behind other answers on a connection that breaks off', async () => {
    const gone = sent(withLength(1000) + withLength(1000));
    await underWay(2);
    HoldingController.held.pop()!.resolve();
    // Its answer is there by then, and waits for the one before it.
    await answered(sent(withLength(LARGE)), '503');
    expect(gone.statuses).toEqual([]);
    await breakOffAll();
  });

  it('is no matter of GET, whose body is dropped as it comes', async () => {
    const reader = open();
    await reader.send(head('Content-Length: 20000000', 'GET'));
    await underWay(1);
    await reader.send(Buffer.alloc(20_000_000, ' '));
    const first = sent(withLength(LARGE));
    await underWay(2);
    letGo();
    expect(await statusOf(reader)).toBe('200');
    await answered(first, '201');
  });
});
