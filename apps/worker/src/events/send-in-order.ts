import { isForNow, isTooLarge } from '#kafka/kafka-errors';
import type { MessageFate } from '#kafka/message-fate';

/** A message whose place behind the others of its key counts. */
export interface KeyedMessage {
  key: string;
  fate: MessageFate;
}

/** What was left out, so that others need not wait for it, and with it all that follows it under its key. */
export interface LeftOut<T> {
  /** The topic takes no message of that size. */
  tooLarge: Set<T>;
  /** The partition takes none now: it has no leader, say, or too few replicas. */
  unavailable: Set<T>;
}

/**
 * Sends requests in order. One that Kafka finds too large is halved until the message at fault stands alone. What is left
 * out takes all with it that follows it under its key, so that no reader sees a gap.
 * @param send one request; throws what Kafka says
 * @returns what was left out: all else has a receipt in its fate
 * @throws what `send` throws when no partition has answered, or one that nothing can be sent to ever: of the rest nothing
 * more is sent, and what has a receipt is written
 */
export async function sendInOrder<T extends KeyedMessage>(
  requests: Iterable<readonly T[]>,
  send: (request: T[]) => Promise<void>,
): Promise<LeftOut<T>> {
  const leftOut = { tooLarge: new Set<T>(), unavailable: new Set<T>() };
  const heldKeys = new Map<string, Set<T>>();

  function hold(message: T, among: Set<T>): void {
    heldKeys.set(message.key, among);
    among.add(message);
  }

  async function sendPart(part: readonly T[]): Promise<void> {
    for (const message of part) heldKeys.get(message.key)?.add(message);
    const request = part.filter(({ key, fate }) => !fate.receipt && !heldKeys.has(key));
    if (request.length === 0) return;
    try {
      await send(request);
    } catch (error) {
      if (isTooLarge(error)) return isolate(request);
      if (!isOfPartitions(error, request)) throw error;
      for (const message of request) if (!message.fate.receipt) hold(message, leftOut.unavailable);
    }
  }

  async function isolate(request: T[]): Promise<void> {
    if (request.length === 1) return hold(request[0]!, leftOut.tooLarge);
    const middle = request.length >> 1;
    await sendPart(request.slice(0, middle));
    await sendPart(request.slice(middle));
  }

  for (const request of requests) await sendPart(request);
  return leftOut;
}

/** Whether Kafka is there, and only some partitions of the topic cannot take anything for now. */
function isOfPartitions(error: unknown, request: readonly KeyedMessage[]): boolean {
  return isForNow(error) && request.some(({ fate }) => fate.errorCode !== undefined);
}
