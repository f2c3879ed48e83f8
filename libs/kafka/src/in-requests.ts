/** What one produce request may hold. */
interface RequestLimits {
  messagesMax: number;
  bytesMax: number;
}

/** Of a request's bytes; the rest is left to keys and headers. */
const VALUES_SHARE = 0.7;

/** Cuts a run of messages, in order, into requests that a broker takes. One that is larger than that goes alone. */
export function* inRequests<T extends { value: string }>(
  messages: readonly T[],
  { messagesMax, bytesMax }: RequestLimits,
): Iterable<T[]> {
  let request: T[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = Buffer.byteLength(message.value);
    const isFull = request.length >= messagesMax || bytes + size > bytesMax * VALUES_SHARE;
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
