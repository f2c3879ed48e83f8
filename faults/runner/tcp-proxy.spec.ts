import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TcpProxy } from './tcp-proxy.ts';

describe('TcpProxy', () => {
  /** Sends back whatever it gets. */
  let server: Server;
  let accepted: Socket[];
  let proxy: TcpProxy;
  let clients: Socket[];

  beforeEach(async () => {
    [accepted, clients] = [[], []];
    server = createServer((socket) => {
      accepted.push(socket.on('error', () => undefined));
      socket.pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await TcpProxy.start((server.address() as AddressInfo).port);
  });
  afterEach(async () => {
    for (const socket of [...clients, ...accepted]) socket.destroy();
    await proxy.stop();
    server.close();
  });

  const client = () => {
    const socket = connect({ host: '127.0.0.1', port: proxy.port });
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    socket.on('error', () => undefined);
    clients.push(socket);
    return { socket, got: () => text };
  };
  const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve));
  const hears = (one: { got: () => string }, text: string) =>
    vi.waitFor(() => expect(one.got()).toBe(text), { timeout: 5000, interval: 5 });

  it('passes everything on, both ways, and the end of either side', async () => {
    const one = client();
    one.socket.write('a');
    await hears(one, 'a');
    one.socket.end('b');
    await closed(one.socket);
    expect(one.got()).toBe('ab');
  });

  it('breaks what is connected when it is cut, and everything new', async () => {
    const before = client();
    before.socket.write('a');
    await hears(before, 'a');
    const broken = closed(before.socket);
    proxy.set('cut');
    await broken;
    const after = client();
    await closed(after.socket);
    expect(after.got()).toBe('');
    proxy.set('open');
    const again = client();
    again.socket.write('b');
    await hears(again, 'b');
  });

  it('swallows what is sent while it is half open, and breaks that connection afterwards, but no other', async () => {
    const [sends, waits] = [client(), client()];
    for (const one of [sends, waits]) one.socket.write('a');
    await Promise.all([hears(sends, 'a'), hears(waits, 'a')]);
    proxy.set('halfOpen');
    const spoilt = client();
    for (const one of [sends, spoilt]) one.socket.write('lost');
    await vi.waitFor(() => {
      proxy.set('open');
      proxy.set('halfOpen');
      expect([sends.socket.closed, spoilt.socket.closed]).toEqual([true, true]);
    });
    proxy.set('open');
    waits.socket.write('b');
    await hears(waits, 'ab');
    expect([sends.got(), spoilt.got()]).toEqual(['a', '']);
  });

  it('tells no one of an end while it is half open', async () => {
    const one = client();
    one.socket.write('a');
    await hears(one, 'a');
    proxy.set('halfOpen');
    one.socket.destroy();
    await vi.waitFor(() => expect(one.socket.closed).toBe(true));
    expect(accepted[0]!.destroyed).toBe(false);
    await vi.waitFor(() => {
      proxy.set('open');
      proxy.set('halfOpen');
      expect(accepted[0]!.destroyed).toBe(true);
    });
  });

  it('is as slow as it is told to be, and keeps the order', async () => {
    const one = client();
    proxy.set({ delayMs: 60 });
    const began = performance.now();
    for (const part of ['a', 'b', 'c']) one.socket.write(part);
    await hears(one, 'abc');
    // There and back.
    expect(performance.now() - began).toBeGreaterThan(110);
  });

  it('lets nothing that is sent later overtake what is still under way', async () => {
    const one = client();
    one.socket.write('a');
    await hears(one, 'a');
    proxy.set({ delayMs: 60 });
    const echoed = new Promise((resolve) => accepted[0]!.once('data', resolve));
    one.socket.write('b');
    await echoed;
    // Its echo is slow still, and that of what follows is not.
    proxy.set('open');
    one.socket.write('c');
    await vi.waitFor(() => expect(one.got()).toBe('abc'));
  });
});
