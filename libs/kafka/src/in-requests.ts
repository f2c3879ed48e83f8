import { type TextMessage, recordBytes, recordBytesMax } from './record-bytes.ts';

/** What one produce request may hold. */
interface RequestLimits {
  messagesMax: number;
  bytesMax: number;
}

/** Cuts a run of messages, in order, into requests that a broker takes. One that is larger than that goes alone. */
export function* inRequests<T extends TextMessage>(
  messages: readonly T[],
  { messagesMax, bytesMax }: RequestLimits,
): Iterable<T[]> {
  if (fitIntoOne(messages, { messagesMax, bytesMax })) {
    yield [...messages];
    return;
  }
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

/** Whether that can be told without measuring each text: nearly always. */
function fitIntoOne(messages: readonly TextMessage[], limits: RequestLimits): boolean {
  if (messages.length === 0 || messages.length > limits.messagesMax) return false;
  let bytes = 0;
  for (const message of messages) bytes += recordBytesMax(message);
  return bytes <= limits.bytesMax;
}
