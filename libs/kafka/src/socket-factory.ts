import net from 'node:net';
import tls from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

const KEEP_ALIVE_DELAY_MS = 10_000;
/** How long a socket that we ended may wait for the other side to end it too. */
const LINGER_MS = 1000;

/**
 * kafkajs's sockets with two differences. No Nagle: with several requests on their way, each small one would
 * wait for the answer to the one before. And an ended socket is destroyed soon: a hung broker never ends its
 * side, and every new attempt to reach it would leave one more open file behind.
 * @param onSocket called with the socket of every attempt to connect
 */
export function createSocketFactory(onSocket?: (socket: net.Socket) => void): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const servername = net.isIP(host) ? {} : { servername: host };
    const socket = ssl
      ? tls.connect({ host, port, ...servername, ...ssl }, onConnect)
      : net.connect({ host, port }, onConnect);
    onSocket?.(socket);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    const end = socket.end.bind(socket);
    socket.end = (): net.Socket => {
      setTimeout(() => socket.destroy(), LINGER_MS).unref();
      return end();
    };
    return socket;
  };
}
