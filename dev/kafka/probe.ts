import { once } from 'node:events';
import { connect } from 'node:net';

const TIMEOUT_MS = 2000;
const METADATA = 3;
const VERSION = 1;

/**
 * Asks the broker for its cluster. An open port is not enough: it opens before the broker has joined, and
 * until then the answer names no broker, or fewer than there are to be. One request by hand, as a client library would retry and log.
 */
export async function probeBroker(port: number, brokersMin = 1): Promise<string | undefined> {
  const socket = connect({ host: '127.0.0.1', port });
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    await once(socket, 'connect', { signal });
    socket.write(metadataRequest());
    const [answer] = (await once(socket, 'data', { signal })) as [Buffer];
    // The count comes after the length and the correlation id, four bytes each.
    return answer.length >= 12 && answer.readInt32BE(8) >= brokersMin
      ? undefined
      : 'not in the cluster yet';
  } finally {
    socket.destroy();
  }
}

function metadataRequest(): Buffer {
  const client = Buffer.from('probe');
  const request = Buffer.alloc(18 + client.length);
  request.writeInt32BE(request.length - 4, 0);
  request.writeInt16BE(METADATA, 4);
  request.writeInt16BE(VERSION, 6);
  request.writeInt16BE(client.length, 12); // The correlation id before it stays 0.
  client.copy(request, 14);
  return request; // Ends in an empty list of topics: four zero bytes.
}
