import { recordBytes } from './record-bytes.ts';

/** What one produce request may hold. */
interface RequestLimits {
  messagesMax: number;
  bytesMax: number;
}

/** Cuts a run of messages, in order, into requests that a broker takes. One that is larger than that goes alone. */
export function* inRequests<
  T extends { key: string; value: string; headers: Record<string, string> },
>(messages: readonly T[], { messagesMax, bytesMax }: RequestLimits): Iterable<T[]> {
  let request: T[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = recordBytes(message);
    const isFull = request.length >= messagesMax || bytes + size > bytesMax;
    if (request.length > 0 && isFull) {
      yield request;
      request = [];
      bytes = 0;
    }
    request.push(message);
    bytes += size;
  }
  if (request.length > 0) yield request;
}
